package search

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"mcpproxy-tray/internal/core/rawjson"
)

// A Hint is what a tool's annotations say about it.
type Hint byte

// A hint that is absent, or no boolean, is Unstated.
const (
	Unstated Hint = iota
	Yes
	No
)

// Hints are those annotations of a tool by which calls are told apart.
type Hints struct{ ReadOnly, Destructive Hint }

// HintsOf returns the hints that a tool's definition states.
func HintsOf(raw string) Hints {
	var d definition
	d.read(raw)
	return d.hints
}

// Effect is what a call of the tool may do, as the protocol has it read: a tool
// that says nothing may destroy.
func (h Hints) Effect() Effect {
	switch {
	case h.ReadOnly == Yes && h.Destructive != Yes:
		return Reads
	case h.Destructive == No:
		return Writes
	}
	return Destroys
}

// An Effect is the worst that a call may do.
type Effect byte

// In a Query, AnyEffect is for all tools.
const (
	AnyEffect Effect = iota
	Reads            // changes nothing
	Writes           // adds to what is there
	Destroys         // may change or delete what is there
)

// A definition is what is indexed of a tool's. Its buffers are used again.
type definition struct {
	raw                 []byte
	title, text, params []byte
	hints               Hints
}

// read takes a definition apart. Of one that is not valid it keeps what came before.
func (d *definition) read(raw string) {
	d.raw = append(d.raw[:0], raw...)
	d.title, d.text, d.params, d.hints = d.title[:0], d.text[:0], d.params[:0], Hints{}
	for m := range rawjson.Members(d.raw) {
		switch string(m.Key) {
		case "title":
			d.title = appendText(d.title[:0], m.Value)
		case "description":
			d.text = appendText(d.text[:0], m.Value)
		case "annotations":
			d.annotations(m.Value)
		case "inputSchema":
			d.schema(m.Value)
		}
	}
}

func (d *definition) annotations(raw []byte) {
	for m := range rawjson.Members(raw) {
		switch string(m.Key) {
		case "title":
			if len(d.title) == 0 {
				d.title = appendText(d.title, m.Value)
			}
		case "readOnlyHint":
			d.hints.ReadOnly = hint(m.Value)
		case "destructiveHint":
			d.hints.Destructive = hint(m.Value)
		}
	}
}

func (d *definition) schema(raw []byte) {
	d.params = d.params[:0]
	for m := range rawjson.Members(raw) {
		if string(m.Key) != "properties" {
			continue
		}
		for p := range rawjson.Members(m.Value) {
			d.params = append(append(d.params, p.Key...), ' ')
			for what := range rawjson.Members(p.Value) {
				if string(what.Key) == "description" {
					d.params = append(appendText(d.params, what.Value), ' ')
				}
			}
		}
	}
}

func hint(value []byte) Hint {
	switch string(value) {
	case "true":
		return Yes
	case "false":
		return No
	}
	return Unstated
}

// appendText appends what a JSON string says; nothing for any other value.
func appendText(to []byte, value []byte) []byte {
	if len(value) < 2 || value[0] != '"' {
		return to
	}
	value = value[1 : len(value)-1]
	for {
		i := bytes.IndexByte(value, '\\')
		if i < 0 || i+1 == len(value) {
			return append(to, value...)
		}
		to = append(to, value[:i]...)
		value = value[i+1:]
		switch value[0] {
		case 'u':
			r, size := unicodeEscape(value)
			to = utf8.AppendRune(to, r)
			value = value[size:]
			continue
		case '"', '\\', '/':
			to = append(to, value[0])
		default: // b, f, n, r, t: what is between words
			to = append(to, ' ')
		}
		value = value[1:]
	}
}

// unicodeEscape reads "uXXXX", and the second half of a pair behind it.
func unicodeEscape(s []byte) (rune, int) {
	r, ok := hex4(s)
	if !ok {
		return utf8.RuneError, 1
	}
	if utf16.IsSurrogate(r) && len(s) > 6 && s[5] == '\\' {
		if second, ok := hex4(s[6:]); ok {
			if both := utf16.DecodeRune(r, second); both != utf8.RuneError {
				return both, 11
			}
		}
	}
	return r, 5
}

func hex4(s []byte) (rune, bool) {
	if len(s) < 5 || s[0] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s[1:5]), 16, 16)
	return rune(n), err == nil
}
