package clients

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/tailscale/hujson"

	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/core/config/jsonc"
)

// Name is what our entry is called in a client's file.
const Name = "mcpproxy-tray"

// A slot is the place of one entry in a file: the keys of the objects around it, from
// the outermost, then its own.
type slot []string

// slotIn returns where our entry belongs in a client's file, and how it is written there.
// A file that is not there or empty is nil.
func (c Client) slotIn(d *jsonc.Document) (slot, style) {
	keys := strings.Split(c.tables[0], "/")
	if d != nil && len(c.tables) > 1 && c.tables[1] == c.tables[0]+"/servers" { // opencode, whose second notation has one object more
		if v, _ := slot(strings.Split(c.tables[1], "/")).value(d); v != nil && v.Value.Kind() == '{' && !isServer(v) {
			return append(strings.Split(c.tables[1], "/"), Name), asRemoteV2
		}
	}
	return append(keys, Name), c.style
}

// isServer reports whether an object is an entry rather than a table of entries.
func isServer(v *hujson.Value) bool {
	obj := v.Value.(*hujson.Object)
	kind, _ := jsonc.Member(obj, "type")
	return kind != nil && kind.Value.Value.Kind() == '"'
}

// parse reads a client's file for editing. An empty one is nil.
func parse(path string, content []byte) (*jsonc.Document, error) {
	if len(bytes.TrimSpace(bytes.TrimPrefix(content, []byte(jsonc.BOM)))) == 0 {
		return nil, nil
	}
	d, err := jsonc.Parse(content)
	if err != nil {
		return nil, &config.Error{Path: path, Line: err.Line, Column: err.Column, Text: err.Text, Hint: "Mend " + path + " first; nothing was changed. " + err.Hint}
	}
	if _, ok := d.Root.Value.(*hujson.Object); !ok {
		return nil, &config.Error{Path: path, Text: "The file is not a JSON object in braces.", Hint: "Is " + path + " the right file? Nothing was changed."}
	}
	return d, nil
}

// value finds the slot's value; nil if it is not there. It fails if a key is there twice
// or what should be an object around it is none.
func (s slot) value(d *jsonc.Document) (*hujson.Value, error) {
	v, rest, err := s.deepest(d)
	if err != nil || len(rest) > 0 {
		return nil, err
	}
	return v, nil
}

// deepest follows the slot's keys as far as they are there, and returns those that are not.
func (s slot) deepest(d *jsonc.Document) (v *hujson.Value, missing slot, err error) {
	fail := func(v *hujson.Value, text string) error {
		e := &config.Error{Text: text, Hint: "Mend the file first; nothing was changed."}
		e.Line, e.Column = d.Place(v.StartOffset)
		return e
	}
	v = &d.Root
	for i, key := range s {
		obj, ok := v.Value.(*hujson.Object)
		if !ok {
			return nil, nil, fail(v, `"`+s[i-1]+`" is not an object in braces.`)
		}
		m, twice := jsonc.Member(obj, key)
		switch {
		case twice:
			return nil, nil, fail(&m.Value, `"`+key+`" appears twice.`)
		case m == nil:
			return v, s[i:], nil
		}
		v = &m.Value
	}
	return v, nil, nil
}

// set returns the file with an entry in the slot. Objects that are missing around it are made.
func (s slot) set(d *jsonc.Document, entry []byte) ([]byte, error) {
	if d == nil {
		for i := len(s) - 1; i >= 0; i-- {
			entry = append(append([]byte("{"+string(hujson.String(s[i]))+":"), entry...), '}')
		}
		var b bytes.Buffer
		if err := json.Indent(&b, entry, "", "  "); err != nil {
			return nil, err
		}
		return append(b.Bytes(), '\n'), nil
	}
	v, missing, err := s.deepest(d)
	if err != nil {
		return nil, err
	}
	if len(missing) == 0 {
		return d.Spliced(d.ReplaceValue(v, entry)), nil
	}
	if _, ok := v.Value.(*hujson.Object); !ok {
		return nil, &config.Error{Text: "The place for the entry is taken by something else.", Hint: "Mend the file first; nothing was changed."}
	}
	for i := len(missing) - 1; i > 0; i-- {
		entry = append(append([]byte("{"+string(hujson.String(missing[i]))+":"), entry...), '}')
	}
	key := string(hujson.String(missing[0])) + ": "
	if len(missing) > 1 {
		return d.Spliced(d.AppendTo(v, func(indent string) string { return key + d.InLines(entry, indent) })...), nil
	}
	return d.Spliced(d.AppendValue(v, key, entry)...), nil
}

// spliceOf puts a text in place of a value.
func spliceOf(v *hujson.Value, with string) jsonc.Splice {
	return jsonc.Splice{From: v.StartOffset, To: v.EndOffset, With: with}
}

// remove returns the file without the slot's entry; the objects around it stay.
func (s slot) remove(d *jsonc.Document) ([]byte, error) {
	table, rest, err := s[:len(s)-1].deepest(d)
	if err != nil || len(rest) > 0 {
		return nil, err
	}
	members := table.Value.(*hujson.Object).Members
	for i := range members {
		if jsonc.Key(&members[i]) == s[len(s)-1] {
			return d.Spliced(d.Remove(table, i)...), nil
		}
	}
	return nil, nil
}

// prune takes what is at the end of the keys out of a value, and objects that hold nothing else.
func prune(v *hujson.Value, keys slot) {
	obj, ok := v.Value.(*hujson.Object)
	if !ok || len(keys) == 0 {
		return
	}
	var kept []hujson.ObjectMember
	for _, m := range obj.Members {
		if jsonc.Key(&m) != keys[0] {
			kept = append(kept, m)
			continue
		}
		if len(keys) == 1 {
			continue
		}
		prune(&m.Value, keys[1:])
		if inner, ok := m.Value.Value.(*hujson.Object); !ok || len(inner.Members) > 0 {
			kept = append(kept, m)
		}
	}
	obj.Members = kept
}
