package jsonc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tailscale/hujson"
)

// maxDepth is how deep brackets may be nested: the parser's stack is finite.
const maxDepth = 200

// An Error says why a text is not JSON. It is worded for people.
type Error struct {
	Line   int    // counted from 1; 0 when no place is to blame
	Column int    // counted from 1 in characters; 0 together with Line
	Text   string // one sentence
	Hint   string // what to do about it
}

// Error returns "12:5: text". The hint is not part of it.
func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Text) }

// A Document is a text and its syntax tree, whose values refer to it by offsets
// from the end of the byte order mark.
type Document struct {
	Root hujson.Value

	bom  []byte // the byte order mark, if there was one
	text []byte // the rest; all offsets count from its start

	// the last place asked for: places are asked for in order, so this makes
	// finding all of them linear
	offset, line, column int
}

// BOM is the mark that some editors put at the beginning of a file.
const BOM = "\xef\xbb\xbf"

// Parse reads a text, which must not be changed afterwards.
func Parse(data []byte) (*Document, *Error) {
	d := &Document{}
	text, marked := bytes.CutPrefix(data, []byte(BOM))
	if marked {
		d.bom = []byte(BOM)
	}
	d.text = text
	if err := d.checkText(); err != nil {
		return nil, err
	}
	open, err := d.checkNesting()
	if err != nil {
		return nil, err
	}
	if !bytes.HasSuffix(text, []byte("\n")) { // the parser wants one after a line comment, also after the last
		text = append(text[:len(text):len(text)], '\n')
	}
	root, perr := hujson.Parse(text)
	if perr != nil {
		return nil, d.syntaxError(perr, open)
	}
	d.Root = root
	return d, nil
}

// checkText refuses what is no text at all.
func (d *Document) checkText() *Error {
	const saveUTF8 = "Save the file as UTF-8."
	switch {
	case bytes.HasPrefix(d.text, []byte("\xff\xfe")), bytes.HasPrefix(d.text, []byte("\xfe\xff")):
		return &Error{Text: "The file is UTF-16, not UTF-8.", Hint: saveUTF8}
	case !utf8.Valid(d.text):
		return d.errorAt(invalidUTF8(d.text), "There is a byte here that is not UTF-8 text.", saveUTF8)
	}
	return nil
}

func invalidUTF8(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(b)
}

// checkNesting looks at brackets and quotes before the parser does, which would
// follow any depth until its stack ends. It returns the offsets of the brackets
// that are never closed.
func (d *Document) checkNesting() (open []int, _ *Error) {
	b := d.text
	for i := 0; i < len(b); i++ {
		switch c := b[i]; c {
		case '{', '[':
			if len(open) == maxDepth {
				return nil, d.errorAt(i, fmt.Sprintf("More than %d brackets are nested here.", maxDepth), "Is it the right file?")
			}
			open = append(open, i)
		case '}', ']':
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		case '"':
			end := skipString(b, i)
			if end < len(b) && b[end] == '\n' {
				return nil, d.errorAt(i, "The text that begins here has no closing quote on its line.", `Close it with ", or write a line break as \n.`)
			}
			i = end
		case '/':
			i = skipComment(b, i)
		}
	}
	return open, nil
}

// skipString returns the offset of the quote that ends the string at i, or of
// the line break before it, or len(b).
func skipString(b []byte, i int) int {
	for i++; i < len(b) && b[i] != '"' && b[i] != '\n'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return min(i, len(b))
}

// skipComment returns the offset of the last byte of the comment at i, or i.
func skipComment(b []byte, i int) int {
	rest := b[i:]
	var end []byte
	switch {
	case bytes.HasPrefix(rest, []byte("//")):
		end = []byte("\n")
	case bytes.HasPrefix(rest, []byte("/*")):
		end = []byte("*/")
	default:
		return i
	}
	n := bytes.Index(rest[2:], end)
	if n < 0 {
		return len(b)
	}
	return i + 2 + n + len(end) - 1
}

// syntaxError words the parser's error for people: its place is kept, its text is not.
func (d *Document) syntaxError(err error, open []int) *Error {
	offset := len(d.text)
	var line, column int
	if n, _ := fmt.Sscanf(err.Error(), "hujson: line %d, column %d:", &line, &column); n == 2 {
		offset = d.offsetOf(line, column)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || offset >= len(d.text) {
		text := "The file ends too early."
		if len(open) > 0 {
			i := open[len(open)-1]
			line, _ := d.Place(i)
			text = fmt.Sprintf("The file ends too early: the %c of line %d is not closed.", d.text[i], line)
		}
		return d.errorAt(len(d.text), text, "It may still be being written, or its end was cut off.")
	}
	found := "“" + word(d.text[offset:]) + "”"
	for _, c := range [...]struct{ theirs, text, hint string }{
		{"after object value", "A comma or } is missing before " + found + ".", "Put a comma after the value before it."},
		{"after array value", "A comma or ] is missing before " + found + ".", "Put a comma after the value before it."},
		{"after object name", "A colon is missing before " + found + ".", `Write "key": value.`},
		{"at start of object name", "A key in double quotes is expected here, not " + found + ".", `Write "key": value.`},
		{"at start of value", "A value is expected here, not " + found + ".", "Remove it, or the comma or colon before it."},
		{"after top-level value", "There is more text after the end: " + found + ".", "One } too many may stand before it."},
		{"invalid literal", "This is no JSON value: " + found + ".", "Put texts in double quotes, and write \\ in them as \\\\."},
		{"comment", "This comment contains a character that is not allowed.", "Remove the line separator from it."},
	} {
		if strings.Contains(err.Error(), c.theirs) {
			return d.errorAt(offset, c.text, c.hint)
		}
	}
	return d.errorAt(offset, "The file is not JSON from here on: "+found+".", "Compare it with the examples in docs/config.md.")
}

// word returns the first few characters of b up to a break, made visible.
func word(b []byte) string {
	s := string(b[:min(len(b), 80)])
	if i := strings.IndexAny(s, " \t\r\n"); i > 0 {
		s = s[:i]
	}
	runes := []rune(strings.ToValidUTF8(s, ""))
	if len(runes) > 20 {
		runes = append(runes[:20], '…')
	}
	quoted := strconv.Quote(string(runes)) // escapes what cannot be seen
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(quoted[1 : len(quoted)-1])
}

// offsetOf is the parser's line and column (in bytes) as an offset.
func (d *Document) offsetOf(line, column int) int {
	at := 0
	for range line - 1 {
		n := bytes.IndexByte(d.text[at:], '\n')
		if n < 0 {
			return len(d.text)
		}
		at += n + 1
	}
	return min(at+column-1, len(d.text))
}

// Place returns line and column of an offset, both from 1, the column in characters.
func (d *Document) Place(offset int) (line, column int) {
	if offset < d.offset || d.line == 0 {
		d.offset, d.line, d.column = 0, 1, 1
	}
	part := d.text[d.offset:min(offset, len(d.text))]
	if n := bytes.Count(part, []byte("\n")); n > 0 {
		d.line, d.column = d.line+n, 1
		part = part[bytes.LastIndexByte(part, '\n')+1:]
	}
	d.column += utf8.RuneCount(part)
	d.offset = offset
	return d.line, d.column
}

func (d *Document) errorAt(offset int, text, hint string) *Error {
	line, column := d.Place(offset)
	return &Error{line, column, text, hint}
}
