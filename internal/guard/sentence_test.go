package guard

import "testing"

func TestNumbersInWords(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		percent(0): "0 %", percent(0.0000001): "0.0001 %", percent(0.00123): "0.12 %", percent(0.0100): "1 %",
		percent(0.0825): "8.2 %", percent(0.5): "50 %", percent(1e9): "1000000 %", times(1.26): "1.3", times(9.949): "9.9",
		times(1234): "1,234", number(1234.5): "1234", number(0.0314): "0.0314", number(999.9): "1000",
		millis(1.04): "1 ms", millis(80): "80 ms", millis(1e10): "more than a week", span(-1): "0 s",
		span(119): "119 s", span(120): "2 min", span(7200): "2 h", requests(1): "1 request", requests(999): "999 requests",
		requests(1000): "1,000 requests", thousands(1<<64 - 1): "18,446,744,073,709,551,615", thousands(123456): "123,456",
	} {
		if got != want {
			t.Errorf("it writes %q, want %q", got, want)
		}
	}
}
