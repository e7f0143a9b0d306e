package history

import (
	"slices"
	"strings"
	"unicode"
)

// What names a secret in the name of a member: words wherever they stand, ends of words
// that are written together, such as "accesstoken", and pairs of words next to each other.
// "tokens" is none of them: it is how many there are.
var (
	secretWords = []string{"auth", "bearer", "dsn", "jwt", "otp", "pat", "secrets", "passwords", "credentials", "cookies"}
	secretEnds  = []string{"password", "passwd", "passphrase", "passcode", "pwd", "secret", "token", "authorization", "credential", "cookie",
		"apikey", "apikeys", "accesskey", "privatekey", "secretkey"}
	secretPairs = []string{"api key", "api keys", "access key", "private key", "signing key", "encryption key", "client key", "secret key",
		"session id", "pass word", "connection string"}
)

// namesSecret reports whether the value of a member of that name is a secret. In what
// tools are sent and answer anything may be a name, such as "key", "author" or "pass": it
// takes fewer words than package upstream does for variables and headers of servers.
func namesSecret(name string) bool {
	words := splitWords(name)
	for _, w := range words {
		w = strings.TrimRight(w, "0123456789")
		if slices.Contains(secretWords, w) || slices.ContainsFunc(secretEnds, func(end string) bool { return strings.HasSuffix(w, end) }) {
			return true
		}
	}
	joined := " " + strings.Join(words, " ") + " "
	return slices.ContainsFunc(secretPairs, func(pair string) bool { return strings.Contains(joined, " "+pair+" ") })
}

// splitWords splits a name such as "apiKey", "APIKey", "API-KEY" or "api_key", in lower case.
func splitWords(name string) []string {
	var b strings.Builder
	letters := []rune(name)
	for i, c := range letters {
		switch {
		case !unicode.IsLetter(c) && !unicode.IsDigit(c):
			b.WriteByte(' ')
			continue
		case unicode.IsUpper(c) && i > 0 && (!unicode.IsUpper(letters[i-1]) || i+1 < len(letters) && unicode.IsLower(letters[i+1])):
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return strings.Fields(b.String())
}
