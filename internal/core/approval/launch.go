package approval

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A Launch is what would be run or contacted for a server: everything that a
// person approves, and nothing else. An empty field is an absent one.
type Launch struct {
	Transport string // "stdio", "http" or "sse"
	Command   string
	Args      []string
	Env       map[string]string // values are bound by their hash and never shown
	Cwd       string
	URL       string
	Headers   map[string]string // only the names are bound, so that a token may be renewed
}

// formula is the version of the fingerprint. It is the first thing hashed and
// the prefix of the result, so that another formula can never be mistaken for this one.
const formula = "mpt-launch-v1"

// Fingerprint returns the identity of a launch: equal for equal launches only.
// An approval names it.
func Fingerprint(l Launch) string {
	sum := sha256.Sum256(encode(l))
	return "v1:" + hex.EncodeToString(sum[:])
}

// The tags of the fields in the pre-image. They are part of the formula.
const (
	tagTransport = 't'
	tagCommand   = 'c'
	tagArg       = 'a'
	tagEnvName   = 'e'
	tagEnvValue  = 'v'
	tagCwd       = 'd'
	tagURL       = 'u'
	tagHeader    = 'h'
)

// encode returns the bytes that are hashed: the formula, then each field as tag,
// length (8 bytes, big endian) and content. Text is taken raw, never
// normalised: whatever a normaliser folds could be used to smuggle.
func encode(l Launch) []byte {
	b := []byte(formula)
	field := func(tag byte, content string) {
		b = append(b, tag)
		b = binary.BigEndian.AppendUint64(b, uint64(len(content)))
		b = append(b, content...)
	}
	field(tagTransport, l.Transport)
	field(tagCommand, l.Command)
	for _, arg := range l.Args {
		field(tagArg, arg)
	}
	for _, name := range slices.Sorted(maps.Keys(l.Env)) {
		value := sha256.Sum256([]byte(l.Env[name]))
		field(tagEnvName, name)
		field(tagEnvValue, string(value[:]))
	}
	field(tagCwd, l.Cwd)
	field(tagURL, l.URL)
	for _, name := range slices.Sorted(maps.Keys(l.Headers)) {
		field(tagHeader, name)
	}
	return b
}

// String returns the launch for people to judge: the command line or the URL in
// full, with everything unprintable made visible, then where it runs and which
// environment variables or headers it gets. Their values are left out.
func (l Launch) String() string {
	var b strings.Builder
	var extra []string
	if l.URL != "" {
		b.WriteString(visible(l.URL))
		if len(l.Headers) > 0 {
			extra = append(extra, "sends "+names(l.Headers))
		}
	} else {
		b.WriteString(visible(l.Command))
		for _, arg := range l.Args {
			b.WriteByte(' ')
			b.WriteString(visible(arg))
		}
		if l.Cwd != "" {
			extra = append(extra, "in "+visible(l.Cwd))
		}
		if len(l.Env) > 0 {
			extra = append(extra, "sets "+names(l.Env))
		}
	}
	if len(extra) > 0 {
		b.WriteString(" (" + strings.Join(extra, "; ") + ")")
	}
	return b.String()
}

// LogValue keeps the values of environment variables and headers out of logs.
func (l Launch) LogValue() slog.Value { return slog.StringValue(l.String()) }

func names(m map[string]string) string {
	out := slices.Sorted(maps.Keys(m))
	for i, n := range out {
		out[i] = visible(n)
	}
	return strings.Join(out, ", ")
}

// visible returns a word as it is, or quoted where a reader could mistake it:
// with spaces, quotes, or characters that are not plain ASCII.
func visible(word string) string {
	plain := func(r rune) bool {
		return r > ' ' && r < 0x7f && !strings.ContainsRune("\"'`\\();", r)
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
		return word
	}
	return strconv.QuoteToASCII(word)
}
