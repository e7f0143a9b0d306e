package config

import (
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// A Server is the desired state of one server: what to run or contact, and
// whether to. It either has a Command (Transport "stdio") or a URL. Values may
// still contain ${env:NAME}; see Expand.
type Server struct {
	Name      string            // unique, also when case is ignored; 1 to 64 printable characters
	Command   string            // program to start, as written
	Args      []string          // its arguments
	Env       map[string]string // added to its environment; secret
	Cwd       string            // its working directory; empty means the program's choice
	URL       string            // http or https
	Headers   map[string]string // sent with each request; secret
	Transport string            // "stdio", "http" (streamable) or "sse"; "" if Err is set
	Revision  string            // newest revision of MCP to speak with it; "" means the newest that both know
	Disabled  bool              // must not run
	Err       *Error            // why the entry cannot be used; then only Name and Disabled are set beside it
}

// Equal reports whether both ask for exactly the same, so that a running server
// need not be restarted. The order of keys in the file does not matter.
func (s Server) Equal(o Server) bool {
	return s.Name == o.Name && s.Command == o.Command && s.Cwd == o.Cwd && s.URL == o.URL &&
		s.Transport == o.Transport && s.Revision == o.Revision && s.Disabled == o.Disabled && s.Err.same(o.Err) &&
		slices.Equal(s.Args, o.Args) && maps.Equal(s.Env, o.Env) && maps.Equal(s.Headers, o.Headers)
}

// CommandLine returns what would be started or contacted, for people to read:
// the command quoted for a shell, or the URL without its password and with the
// values of secret-looking parameters left out. Environment and headers are not
// part of it. Invisible characters are spelled out.
func (s Server) CommandLine() string {
	if s.URL != "" {
		return shownURL(s.URL)
	}
	if s.Command == "" {
		return ""
	}
	words := []string{ShellQuote(s.Command)}
	for _, a := range s.Args {
		words = append(words, ShellQuote(a))
	}
	return strings.Join(words, " ")
}

// LogValue keeps environment and headers out of the log.
func (s Server) LogValue() slog.Value {
	return slog.GroupValue(slog.String("name", s.Name), slog.String("launch", s.CommandLine()))
}

// String keeps environment and headers out of everything that prints a Server.
func (s Server) String() string { return s.Name + ": " + s.CommandLine() }

func shownURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil { // also while ${…} stands where an address should be
		raw, _, query := strings.Cut(raw, "?")
		if i := strings.LastIndexByte(raw, '@'); i >= 0 {
			raw = "..." + raw[i:]
		}
		if query {
			raw += "?..."
		}
		return visible(raw)
	}
	parts := strings.Split(u.RawQuery, "&")
	for i, part := range parts {
		if key, _, ok := strings.Cut(part, "="); ok && secretName(key) {
			parts[i] = key + "=..."
		}
	}
	u.RawQuery = strings.Join(parts, "&")
	return visible(u.Redacted())
}

// secretName reports whether a parameter of that name is likely to carry a secret.
func secretName(key string) bool {
	key = strings.ToLower(key)
	for _, word := range []string{"key", "token", "secret", "pass", "auth", "sig", "credential"} {
		if strings.Contains(key, word) {
			return true
		}
	}
	return false
}

// ShellQuote quotes s as a POSIX shell would need it: also what a hint says to type. What cannot be seen is
// written as an escape in $'…', so that a line never hides a part of itself.
func ShellQuote(s string) string {
	switch {
	case s != visible(s):
		return "$'" + strings.ReplaceAll(visible(strings.ReplaceAll(s, `\`, `\\`)), "'", `\'`) + "'"
	case s != "" && strings.IndexFunc(s, needsQuotes) < 0:
		return s
	default:
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
}

func needsQuotes(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("%+,-./:=@_", r)
}

// visible writes control, bidi, zero-width and other unprintable characters as escapes.
func visible(s string) string {
	if strings.IndexFunc(s, unprintable) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !unprintable(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}

func unprintable(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }
