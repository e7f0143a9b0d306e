package search

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"mcpproxy-tray/internal/core/rawjson"
)

// Limits of a signature. A model reads it to see what a tool takes; the whole
// schema is there for who wants to know all.
const (
	maxSignature = 400     // bytes, but for the name of the tool
	maxParam     = 120     // bytes of one parameter's type
	maxNested    = 3       // objects, lists, unions and references in one another
	maxRefs      = 8       // references that are followed
	maxWork      = 1 << 20 // bytes that are read, repeated ones counted each time; the rest is "any"
	maxOptions   = 8       // of an enumeration or a union
	maxRead      = 500     // parameters that are looked at
	maxLabel     = 48      // bytes of a parameter's name or a literal
)

// Signature words the input schema of a tool as one line that is bounded in
// length, whatever the schema: "create_issue(title: string, labels?: string[])".
// Required parameters come first; what is left out is marked by "…". A part that
// has no meaning as JSON Schema is "any".
func Signature(name string, schema json.RawMessage) string {
	s := signer{root: schema, left: maxWork}
	top := s.shape(schema)
	out := append(shorten([]byte(name), 2*maxLabel), '(')
	full := len(out) + maxSignature
	for i, p := range top.params() {
		from := len(out)
		if i > 0 {
			out = append(out, ", "...)
		}
		out = s.param(out, p, maxNested)
		if len(out) > full {
			out = append(out[:from], ", …"...)
			break
		}
	}
	return string(append(out, ')'))
}

// Signature words what the tool takes, under the name that clients know.
func (t Tool) Signature() string {
	var schema json.RawMessage
	for m := range rawjson.Members([]byte(t.Definition)) {
		if string(m.Key) == "inputSchema" {
			schema = m.Value
		}
	}
	return Signature(t.Name, schema)
}

// A signer words the parts of one schema.
type signer struct {
	root []byte
	refs int // followed so far
	left int // of maxWork
}

// A shape is what is looked at of a schema.
type shape struct {
	kinds                         []string // of "type"
	ref                           string
	constant, enum, union, items  []byte
	properties, required, combine []byte
}

type param struct {
	name     []byte
	schema   []byte
	required bool
}

func (s *signer) shape(schema []byte) (f shape) {
	for m := range rawjson.Members(schema) {
		switch string(m.Key) {
		case "type":
			f.kinds = kinds(m.Value)
		case "$ref":
			f.ref = string(appendText(nil, m.Value))
		case "const":
			f.constant = m.Value
		case "enum":
			f.enum = m.Value
		case "anyOf", "oneOf":
			f.union = m.Value
		case "allOf":
			f.combine = m.Value
		case "items":
			f.items = m.Value
		case "properties":
			f.properties = m.Value
		case "required":
			f.required = m.Value
		}
	}
	return f
}

// kinds reads a "type", which is a string or a list of them.
func kinds(value []byte) (all []string) {
	add := func(v json.RawMessage) {
		switch kind := string(bytes.Trim(v, `"`)); kind {
		case "string", "number", "integer", "boolean", "object", "array", "null":
			if !slices.Contains(all, kind) {
				all = append(all, kind)
			}
		}
	}
	if len(value) > 0 && value[0] == '[' {
		_ = rawjson.EachElement(value, add) // what cannot be read has no kinds
	} else {
		add(value)
	}
	return all
}

// params returns the parameters of an object, required ones first, else in the
// schema's order.
func (f shape) params() []param {
	needed := map[string]bool{}
	_ = rawjson.EachElement(f.required, func(v json.RawMessage) { // none, if it is no list
		if len(needed) < maxRead {
			needed[string(appendText(nil, v))] = true
		}
	})
	var all []param
	for m := range rawjson.Members(f.properties) {
		if all = append(all, param{m.Key, m.Value, needed[string(m.Key)]}); len(all) == maxRead {
			break
		}
	}
	slices.SortStableFunc(all, func(a, b param) int {
		switch {
		case a.required == b.required:
			return 0
		case a.required:
			return -1
		}
		return 1
	})
	return all
}

func (s *signer) param(out []byte, p param, depth int) []byte {
	out = append(out, label(p.name)...)
	if !p.required {
		out = append(out, '?')
	}
	out = append(out, ": "...)
	kind := s.kind(p.schema, depth)
	if len(kind) > maxParam {
		kind = s.kind(p.schema, 0)
	}
	return append(out, kind...)
}

// kind words a schema. At depth 0 it does not look inside.
func (s *signer) kind(schema []byte, depth int) string {
	if s.left -= len(schema); s.left < 0 {
		return "any"
	}
	f := s.shape(schema)
	switch {
	case f.ref != "":
		if s.left -= len(s.root); depth == 0 || s.refs == maxRefs || s.left < 0 {
			return "any"
		}
		s.refs++
		return s.kind(s.resolve(f.ref), depth-1)
	case f.constant != nil:
		return literal(f.constant)
	case f.enum != nil:
		return options(f.enum, literal)
	case f.union != nil && depth > 0:
		return options(f.union, func(v json.RawMessage) string { return s.kind(v, depth-1) })
	case f.combine != nil && f.kinds == nil && depth > 0:
		return s.first(f.combine, depth-1)
	case f.kinds == nil && f.properties != nil:
		f.kinds = []string{"object"}
	case f.kinds == nil && f.items != nil:
		f.kinds = []string{"array"}
	}
	if f.kinds == nil {
		return "any"
	}
	words := make([]string, len(f.kinds))
	for i, kind := range f.kinds {
		words[i] = s.typed(kind, f, depth)
	}
	return strings.Join(words, "|")
}

// typed words one type of a schema.
func (s *signer) typed(kind string, f shape, depth int) string {
	switch {
	case kind == "array" && (f.items == nil || depth == 0):
		return "any[]"
	case kind == "array":
		of := s.kind(f.items, depth-1)
		if strings.Contains(of, "|") && of[0] != '{' {
			of = "(" + of + ")"
		}
		return of + "[]"
	case kind == "object" && f.properties != nil && depth > 0:
		out := []byte{'{'}
		for i, p := range f.params() {
			if i > 0 {
				out = append(out, ", "...)
			}
			if len(out) > maxParam {
				out = append(out, "…"...)
				break
			}
			out = s.param(out, p, depth-1)
		}
		return string(append(out, '}'))
	}
	return kind
}

// first words the first part of a combination that says anything.
func (s *signer) first(parts []byte, depth int) string {
	found := "any"
	n := 0
	_ = rawjson.EachElement(parts, func(v json.RawMessage) { // "any", if it is no list
		if n++; found == "any" && n <= maxOptions {
			found = s.kind(v, depth)
		}
	})
	return found
}

// options words a list of alternatives, each once.
func options(list []byte, word func(json.RawMessage) string) string {
	var all []string
	n, size := 0, 0
	_ = rawjson.EachElement(list, func(v json.RawMessage) { // "any", if it is no list
		if n++; n > maxOptions || size > 2*maxLabel {
			n = maxOptions + 1
			return
		}
		if w := word(v); !slices.Contains(all, w) {
			all = append(all, w)
			size += len(w)
		}
	})
	if len(all) == 0 {
		return "any"
	}
	if n > maxOptions {
		all = append(all, "…")
	}
	return strings.Join(all, "|")
}

// resolve returns what a reference within the schema points to, else nothing.
func (s *signer) resolve(ref string) []byte {
	path, ok := strings.CutPrefix(ref, "#")
	if !ok || len(ref) > 200 {
		return nil
	}
	at := s.root
	for step := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if step == "" {
			continue
		}
		// RFC 6901: first "~1" becomes "/", then "~0" becomes "~".
		step = strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~")
		var next []byte
		for m := range rawjson.Members(at) {
			if string(m.Key) == step {
				next = m.Value
				break
			}
		}
		at = next
	}
	return at
}

// literal words a JSON value of an enumeration.
func literal(value json.RawMessage) string {
	switch {
	case len(value) == 0, value[0] == '{', value[0] == '[':
		return "any"
	case value[0] == '"':
		return strconv.Quote(string(shorten(appendText(nil, value), maxLabel)))
	}
	return string(shorten(value, maxLabel))
}

// label words a parameter's name: quoted if it is none that a program would use.
func label(name []byte) string {
	short := string(shorten(name, maxLabel))
	plain := short != "" && !strings.ContainsFunc(short, func(r rune) bool {
		return r != '_' && r != '-' && r != '.' && r != '$' && (r >= utf8.RuneSelf || lower[r] == 0)
	})
	if plain {
		return short
	}
	return strconv.Quote(short)
}

// shorten cuts text after most bytes, between two characters.
func shorten(text []byte, most int) []byte {
	if len(text) <= most {
		return slices.Clip(text)
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return append(slices.Clip(text[:most]), "…"...)
}
