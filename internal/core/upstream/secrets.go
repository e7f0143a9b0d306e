package upstream

import (
	"encoding/base64"
	"errors"
	"maps"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"unicode"

	"mcpproxy-tray/internal/core/config"
)

// hidden stands where a secret stood.
const hidden = "•••"

// minSecret is how long a value must be to be taken for a secret: shorter ones
// would be found in innocent words.
const minSecret = 6

// userinfo is the part of an address that says who is asking: user, password, or both.
var userinfo = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://([^/?#\s@]+)@`)

// secrets are the values that a server was given and that nothing it says may
// show, longest first. The server may well repeat them when it fails.
type secrets []string

// hide replaces the secrets in text.
func (s secrets) hide(text string) string {
	for _, secret := range s {
		text = strings.ReplaceAll(text, secret, hidden)
	}
	return text
}

// show makes text of a server fit to be shown: without secrets, also where
// invisible characters were in one, and cut only then.
func (s secrets) show(text string, limit int) string {
	return cut(s.hide(oneLine(s.hide(text))), limit)
}

// withoutRest returns text, of which the beginning was cut off, without what is
// left of a secret that was there.
func (s secrets) withoutRest(text string) string {
	longest := 0
	for _, secret := range s {
		for i := 1; i < len(secret); i++ {
			if strings.HasPrefix(text, secret[i:]) {
				longest = max(longest, len(secret)-i)
				break
			}
		}
	}
	return text[longest:]
}

// A covered error is one whose text is shown without secrets.
type covered struct {
	error
	text string
}

func (c *covered) Error() string { return c.text }

func (c *covered) Unwrap() error { return c.error }

// cover returns err without secrets in its words.
func (s secrets) cover(err error) error {
	if err == nil {
		return nil
	}
	if u, ok := errors.AsType[unsentError](err); ok {
		return unsentError{s.cover(u.error)}
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok { // not one that is a cause
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, s.cover(e))
		}
		return errors.Join(all...)
	}
	e, ok := errors.AsType[*Error](err)
	if text := s.hide(err.Error()); !ok {
		if text == err.Error() {
			return err
		}
		return &covered{err, text}
	}
	if s.hide(e.Error()) == e.Error() && s.hide(e.detail) == e.detail {
		return err
	}
	shown := *e
	shown.text, shown.detail, shown.cause = s.hide(e.text), s.hide(e.detail), s.cover(e.cause)
	return &shown
}

// A collector gathers the secrets of one server.
type collector struct{ found []string }

// secrets returns what was gathered.
func (c *collector) secrets() secrets {
	all := slices.Clone(c.found)
	for _, s := range c.found { // as they stand in an address
		all = append(all, url.QueryEscape(s), url.PathEscape(s))
	}
	slices.SortFunc(all, func(a, b string) int { // one may be part of another
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(all)
}

func (c *collector) add(value string) {
	if len(value) >= minSecret {
		c.found = append(c.found, value)
	}
}

// note adds a value if its name says that it is secret, and what an address in it
// says of who asks.
func (c *collector) note(name, value string) {
	if namesSecret(name) {
		c.add(value)
	}
	for _, m := range userinfo.FindAllStringSubmatch(value, -1) {
		c.found = append(c.found, m[1]+"@") // however short
		user, password, both := strings.Cut(m[1], ":")
		if !both {
			password = user
		}
		c.add(password)
		if plain, err := url.PathUnescape(password); err == nil {
			c.add(plain)
		}
	}
}

// listen returns a lookup of variables that has the values it finds added.
func (c *collector) listen(lookup func(string) (string, bool)) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := lookup(name)
		c.variable(name, value)
		return value, ok
	}
}

// server adds the secrets in an expanded entry, and in what a process gets of ours.
func (c *collector) server(srv config.Server) {
	if srv.URL != "" {
		c.remote(srv)
		return
	}
	c.process(environment(runtime.GOOS, os.Environ(), srv.Env, nil), srv.Args)
}

// variable adds what ${env:name} stood for, unless it is plainly no secret.
func (c *collector) variable(name, value string) {
	c.note(name, value)
	if sameVariable(runtime.GOOS, name, "PATH") || passes(runtime.GOOS, name, value) || !telling(value) {
		return
	}
	c.add(value)
}

// telling reports whether a value would not be shown by chance: it is no short
// word or number, and nothing on this machine's disk.
func telling(value string) bool {
	if len(value) < 8 || len(value) <= 12 && !strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsLetter(r) && r != '-' }) {
		return false
	}
	_, err := os.Stat(value)
	return err != nil
}

// process adds the secrets in an environment and in arguments.
func (c *collector) process(env, args []string) {
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		c.note(name, value)
	}
	for i, a := range args {
		name, value, ok := strings.Cut(a, "=")
		switch {
		case !strings.HasPrefix(a, "-"):
			c.note("", a)
		case ok:
			c.note(name, value)
		case i+1 < len(args) && !strings.HasPrefix(args[i+1], "-"):
			c.note(a, args[i+1])
		}
	}
}

// harmless are headers that say nothing about who is asking.
var harmless = set("ACCEPT ACCEPT-ENCODING ACCEPT-LANGUAGE CONTENT-TYPE HOST ORIGIN REFERER USER-AGENT")

// remote adds the secrets in the address and headers of a server.
func (c *collector) remote(srv config.Server) {
	c.note("", srv.URL)
	if u, err := url.Parse(srv.URL); err == nil {
		for name, values := range u.Query() {
			for _, v := range values {
				if namesSecret(name) || telling(v) {
					c.add(v)
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(srv.Headers)) {
		value := srv.Headers[name]
		if harmless[strings.ToUpper(name)] {
			c.note("", value)
			continue
		}
		if namesSecret(name) || telling(value) {
			c.add(value)
		}
		scheme, rest, _ := strings.Cut(value, " ")
		c.add(strings.TrimSpace(rest))
		if strings.EqualFold(scheme, "Basic") {
			plain, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(rest)) // as good as empty
			_, password, _ := strings.Cut(string(plain), ":")
			c.add(password)
		}
		for part := range strings.SplitSeq(value, ";") { // of a cookie
			if _, v, ok := strings.Cut(part, "="); ok {
				c.add(v)
			}
		}
	}
}

// namesSecret reports whether a variable, option or header of that name holds a secret. A
// value that is taken for one wrongly is only hidden where a server repeats it, so more
// names count than package history has for members of any JSON.
func namesSecret(name string) bool {
	name = strings.ReplaceAll(strings.ToUpper(name), "-", "_")
	if name == "PWD" || name == "OLDPWD" || strings.HasSuffix(name, "_SOCK") || strings.HasSuffix(name, "KEYRING_PROVIDER") {
		return false
	}
	words := strings.Split(name, "_")
	if slices.Contains(words, "PAT") {
		return true
	}
	if last := words[len(words)-1]; last == "URL" || last == "URI" {
		for _, kind := range []string{"DATABASE", "DB", "MONGO", "REDIS", "POSTGRES", "PG", "MYSQL", "AMQP", "RABBITMQ"} {
			if strings.Contains(name, kind) {
				return true
			}
		}
	}
	return slices.ContainsFunc([]string{"KEY", "TOKEN", "SECRET", "PASS", "PWD", "AUTH", "CRED", "COOKIE", "SESSION", "DSN", "WEBHOOK", "CONNECTION_STRING"},
		func(word string) bool { return strings.Contains(name, word) })
}
