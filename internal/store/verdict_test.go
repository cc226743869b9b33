package store

import (
	"hash/crc32"
	"strings"
	"testing"
)

// What was stored is read with the dictionary that it was stored with.
func TestTheDictionaryIsNeverChanged(t *testing.T) {
	if got := crc32.ChecksumIEEE(dictionary1); got != 0x55e4d8f8 {
		t.Errorf("its checksum is %#x: add a second one instead of changing it", got)
	}
}

// A document comes back as it was; a damaged one does not come back.
func TestADocumentComesBack(t *testing.T) {
	for _, text := range []string{"", "{}", strings.Repeat(string(dictionary1), 3)} {
		doc, err := deflate([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := inflate(doc); err != nil || string(got) != text {
			t.Errorf("%d bytes come back as %d: %v", len(text), len(got), err)
		}
		for i := range doc {
			doc[i] ^= 4
			if _, err := inflate(doc); err == nil {
				t.Errorf("byte %d of %d is not missed", i, len(doc))
			}
			doc[i] ^= 4
		}
	}
}
