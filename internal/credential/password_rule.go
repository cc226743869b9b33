package credential

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/slipwayhq/slipway/internal/fault"
)

// The lengths a password may have, in characters. There are no rules about kinds
// of characters: they make passwords worse (NIST SP 800-63B, 5.1.1.2).
const (
	MinPassword      = 12
	MaxPassword      = 256
	maxPasswordBytes = MaxPassword * utf8.UTFMax
)

// CheckPassword returns a fault when a new password must not be used: too short,
// too long, not text, among the commonest, or made of little else than one common
// word, a keyboard row or one of the words given in about (the user's name, the
// application's).
func CheckPassword(password string, about ...string) error {
	if !utf8.ValidString(password) {
		return fault.New(fault.Invalid, "password_malformed", "A password is text in UTF-8.")
	}
	n := utf8.RuneCountInString(password)
	if n < MinPassword {
		return fault.New(fault.Invalid, "password_too_short",
			"The password has %d characters; it needs at least %d. A few words in a row are easy to remember.",
			n, MinPassword)
	}
	if n > MaxPassword {
		return fault.New(fault.Invalid, "password_too_long",
			"The password has %d characters; at most %d are allowed.", n, MaxPassword)
	}
	if isCommon(password, about) {
		return fault.New(fault.Invalid, "password_common",
			"The password is among the first that an attacker tries. A few unrelated words in a row are better.")
	}
	return nil
}

// isCommon takes away what people add to a common word to satisfy a rule (capitals,
// digits for letters, years and signs at the ends, the word again) and looks at the
// rest.
func isCommon(password string, about []string) bool {
	plain := strings.ToLower(password)
	if isRun(plain) || isNumber(plain) || contains(commonLong, plain) {
		return true
	}
	bare := trim(plain)
	for _, spelled := range []string{plain, bare, unleet(bare), trim(unleet(plain))} {
		word := trim(unrepeat(spelled))
		if contains(commonShort, word) || contains(commonLong, word) {
			return true
		}
		for _, a := range about {
			if a = trim(strings.ToLower(a)); a != "" && word == a {
				return true
			}
		}
	}
	return false
}

// trim takes everything but letters from both ends.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return !unicode.IsLetter(r) })
}

// isNumber reports whether s is a number that somebody could know: a date, a card,
// a telephone.
func isNumber(s string) bool {
	return len(s) < 20 && strings.Trim(s, "0123456789 .,-/+()") == ""
}

// unleet writes letters for the digits and signs that commonly stand for them.
func unleet(s string) string {
	return strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t",
		"@", "a", "$", "s", "!", "i").Replace(s)
}

// unrepeat returns the shortest word of which s is a repetition.
func unrepeat(s string) string {
	for n := 1; n <= len(s)/2; n++ {
		if len(s)%n == 0 && strings.Repeat(s[:n], len(s)/n) == s {
			return s[:n]
		}
	}
	return s
}

// isRun reports whether s is one character again and again, counts up or down, or
// follows a row of the keyboard.
func isRun(s string) bool {
	runes := []rune(s)
	steps := 0
	for i := 1; i < len(runes); i++ {
		step := runes[i] - runes[i-1]
		pair := string(runes[i-1 : i+1])
		back := string([]rune{runes[i], runes[i-1]})
		if step >= -1 && step <= 1 || strings.Contains(rows, pair) || strings.Contains(rows, back) {
			steps++
		}
	}
	return steps >= len(runes)*4/5 // a break or two, where a row begins anew
}

func contains(list, word string) bool {
	for s := range strings.FieldsSeq(list) {
		if s == word {
			return true
		}
	}
	return false
}

const rows = "1234567890 qwertyuiop asdfghjkl zxcvbnm qwertzuiop yxcvbnm azertyuiop qsdfghjklm wxcvbn " +
	"1qaz 2wsx 3edc 4rfv 5tgb 6yhn"

// commonLong are frequent passwords of 12 characters and more, in lower case, that
// are not a common word with something added.
const commonLong = `
1q2w3e4r5t6y 1q2w3e4r5t6y7u 1q2w3e4r5t6y7u8i 1qaz2wsx3edc 1qaz2wsx3edc4rfv 1qazxsw23edc q1w2e3r4t5y6
q1w2e3r4t5y6u7 qazwsxedcrfv qazwsxedc123 zaq12wsxcde3 zaq1xsw2cde3 qweasdzxc123 qwe123asd123 qwe123qwe123
asdf1234asdf abcd1234abcd 123qweasdzxc 1234qwerasdf 1234qwer1234 12345qwertasdfg asdfghjklqwertyuiop
abc123abc123 abc123456789 a1b2c3d4e5f6 a1b2c3d4e5f6g7 aa123456789a aaa111bbb222 112233445566 11223344556677
111222333444 111222333444555 121212121212 123123123123 123321123321 123454321234 147258369147 147258369258
159357456852 159753456852 987654321987 741852963741 789456123789 102030405060 010203040506 314159265358
3141592653589 271828182845 iloveyouforever iloveyousomuch ilovemyfamily ilovemyself1 ihatepasswords
letmeinplease letmeinletmein opensesame123 changemenow1 changemeplease changethisnow thisismypassword
mypasswordis1 thepassword1 newpassword1 newpassword123 yourpassword1 nopassword123 passwordisnot
notapassword supersecret1 supersecret123 secretpassword secretsecret trustno1trustno1
correcthorsebatterystaple correct-horse-battery-staple administrator administrator1 rootpassword
adminpassword adminadmin123 admin123admin123 defaultpassword temporarypassword temppassword1 testpassword1
userpassword1 masterpassword guestpassword companypassword welcomeback1 welcometothejungle letmein123456
monkey123monkey footballfootball basketball23 liverpoolfc1 manchesterunited manchestercity chelseafc1905
arsenalarsenal realmadrid123 barcelona1899 dallascowboys newyorkyankees metallica666 harrypotter1
harrypotter7 gryffindor123 slytherin123 starwars1977 maytheforcebewithyou pokemonpokemon gamegamegame
minecraft123 counterstrike worldofwarcraft leagueoflegends playstation3 playstation4 playstation5
microsoft123 christmas2024 christmas2025 jesuschrist1 jesusislord1 godisgreat123 blessed12345 alhamdulillah
bismillah786 hello123hello helloworld123 helloworld12 helloworldhello sunshine1234 princess1234 superman1234
qwerty123456 qwertyqwerty qwertyuiop123
`

// commonShort are the words that most common passwords are made of.
const commonShort = `
password passwort passw0rd motdepasse contrasena contraseña senha parola wachtwoord haslo pass passphrase
secret admin administrator root user guest test tester testing demo default temp temporary change changeme
changeit letmein welcome welcometo hello helloworld qwerty qwertz azerty qwertyuiop qwertzuiop azertyuiop
asdf asdfgh asdfghjkl zxcvbn zxcvbnm abc abcd abcdef abcdefg abc123 iloveyou iloveu loveyou love lovely
sunshine princess monkey dragon master football baseball basketball soccer hockey superman batman spiderman
ironman starwars pokemon naruto minecraft fortnite shadow michael jennifer jordan ashley daniel charlie
thomas robert jessica hunter killer trustno ninja mustang ferrari mercedes porsche harley computer internet
google facebook instagram twitter youtube microsoft windows samsung apple android linux oracle server
database login signin logon access summer winter spring autumn january february march april june july august
september october november december monday tuesday wednesday thursday friday saturday sunday christmas
flower cookie cheese chocolate pepper ginger whatever freedom forever nothing blink matrix hacker money
dollar bitcoin london paris berlin madrid liverpool chelsea arsenal barcelona juventus germany france
england america canada mexico brasil brazil jesus god angel angels blessed family mother father brother
sister company business office production staging development deploy deployment release slipway opensesame
`
