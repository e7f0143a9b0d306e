package config

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxNameRunes is the length of a server's name: it fits a menu row.
const maxNameRunes = 64

// nameProblem returns why name cannot name a server, as the end of the sentence
// "The name … is refused: it …", or "".
func nameProblem(name string) string {
	switch {
	case name == "":
		return "is empty"
	case !utf8.ValidString(name), strings.ContainsRune(name, unicode.ReplacementChar):
		return "is not valid Unicode text"
	case utf8.RuneCountInString(name) > maxNameRunes:
		return "is longer than " + strconv.Itoa(maxNameRunes) + " characters"
	case strings.ContainsAny(name, `/\`):
		return "contains a slash"
	case name == "." || name == "..":
		return "means a folder"
	case strings.IndexFunc(name, func(r rune) bool { return invisible(r) }) >= 0:
		return "contains a character that cannot be seen"
	case name[0] == ' ' || name[len(name)-1] == ' ':
		return "begins or ends with a space"
	case unicode.In(firstRune(name), unicode.M):
		return "begins with a mark that joins the character before it"
	}
	return ""
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// invisible reports whether r shows nothing or changes how its neighbours are
// shown: control, bidi and zero-width characters, all spaces but U+0020, and
// the letters and signs that are drawn as nothing.
func invisible(r rune) bool {
	switch r {
	case 0x034f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x2800, 0x3164, 0xffa0: // joiner, Hangul and Khmer fillers, blank Braille
		return true
	}
	return !unicode.IsPrint(r) || unicode.Is(unicode.Variation_Selector, r)
}

// fold maps names that differ only in case, or in how a letter is composed, to
// the same key: each rune becomes the smallest of those that are equal to it
// under simple folding. Unicode 3.13, D145: "canonical caseless match" is
// equality of NFD(toCasefold(NFD(X))).
func fold(name string) string {
	return norm.NFD.String(strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, norm.NFD.String(name)))
}

// quoted shows a text of the file within a sentence: quoted, escaped, cut.
func quoted(s string) string {
	if runes := []rune(s[:min(len(s), 4*maxNameRunes)]); len(s) > 4*maxNameRunes || len(runes) > maxNameRunes {
		s = string(runes[:min(len(runes), maxNameRunes)]) + "…"
	}
	return strconv.Quote(s)
}

// shownName is a server's name for Error.Server: as it is when it is harmless.
func shownName(name string) string {
	if nameProblem(name) == "" {
		return name
	}
	q := quoted(name)
	return q[1 : len(q)-1]
}

var (
	plainLogName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,47}$`)
	hashedName   = regexp.MustCompile(`-[0-9a-f]{12}$`)
	// Windows keeps these names for devices, with and without an extension.
	deviceName = regexp.MustCompile(`^(con|prn|aux|nul|com[0-9]|lpt[0-9])$`)
	unsafeRun  = regexp.MustCompile(`[^a-z0-9]+`)
)

// logName derives a file name from any server name. Simple names stay as they
// are; others become readable letters and a hash of the name. It is injective
// on case-insensitive file systems too: only lower case is used, and a simple
// name that looks like one with a hash gets a hash itself.
func logName(name string) string {
	if plainLogName.MatchString(name) && !hashedName.MatchString(name) && !deviceName.MatchString(name) {
		return name + ".log"
	}
	sum := sha256.Sum256([]byte(name))
	readable := unsafeRun.ReplaceAllString(strings.ToLower(name[:min(len(name), 256)]), "-")
	readable = strings.Trim(readable[:min(len(readable), 32)], "-")
	if readable == "" {
		readable = "server"
	}
	return readable + "-" + hex.EncodeToString(sum[:6]) + ".log"
}
