package upstream

import (
	"slices"
	"strings"
)

// hidden stands where a secret stood.
const hidden = "•••"

// minSecret is how long a value must be to be taken for a secret: shorter ones
// would be found in innocent words.
const minSecret = 6

// secretsOf returns the values that a process was given under a name that says
// that they are secret, longest first. A server may well repeat them when it fails.
func secretsOf(env, args []string) []string {
	var out []string
	note := func(name, value string) {
		if len(value) >= minSecret && namesSecret(name) {
			out = append(out, value)
		}
	}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		note(name, value)
	}
	for i, a := range args {
		if !strings.HasPrefix(a, "-") {
			continue
		}
		if name, value, ok := strings.Cut(a, "="); ok {
			note(name, value)
		} else if i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
			note(a, args[i+1])
		}
	}
	slices.SortFunc(out, func(a, b string) int { return len(b) - len(a) }) // one may be part of another
	return slices.Compact(out)
}

func namesSecret(name string) bool {
	name = strings.ToUpper(name)
	for _, word := range []string{"KEY", "TOKEN", "SECRET", "PASS", "PWD", "AUTH", "CRED", "COOKIE", "SESSION", "DSN", "DATABASE_URL"} {
		if strings.Contains(name, word) && name != "PWD" && name != "OLDPWD" && !strings.HasSuffix(name, "_SOCK") {
			return true
		}
	}
	return false
}

// redact hides secrets in text.
func redact(text string, secrets []string) string {
	for _, s := range secrets {
		text = strings.ReplaceAll(text, s, hidden)
	}
	return text
}
