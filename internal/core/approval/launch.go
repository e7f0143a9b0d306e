package approval

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"maps"
	"slices"
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
	tagReference = 'r'
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
		// A renewed token asks nothing, but ${env:…} chooses which secret of
		// the user leaves for that server.
		if value := l.Headers[name]; strings.Contains(value, "${") {
			field(tagReference, value)
		}
	}
	return b
}

// LogValue keeps the values of environment variables and headers out of logs.
func (l Launch) LogValue() slog.Value { return slog.StringValue(Fingerprint(l)) }
