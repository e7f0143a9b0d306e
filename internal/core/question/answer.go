package question

import (
	"bytes"
	"encoding/json"
	"math/big"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"mcpproxy-tray/internal/core/rawjson"
)

// An InvalidError says which values of an answer do not fit.
type InvalidError struct {
	Fields map[string]string // by name: what to do, for people
}

func (e *InvalidError) Error() string { return "the answer does not fit what was asked" }

// encode returns the answer's content as JSON, its members in the order of the fields.
// What is empty and not required is left out.
func encode(fields []Field, values map[string][]string) (json.RawMessage, error) {
	wrong := map[string]string{}
	var out bytes.Buffer
	out.WriteByte('{')
	for i := range fields {
		f := &fields[i]
		value, text := f.encode(values[f.Name])
		if text != "" {
			wrong[f.Name] = text
		}
		if value == nil {
			continue
		}
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		out.Write(quote(f.Name))
		out.WriteByte(':')
		out.Write(value)
	}
	for name := range values {
		if !slices.ContainsFunc(fields, func(f Field) bool { return f.Name == name }) {
			wrong[name] = "This was not asked."
		}
	}
	if len(wrong) > 0 {
		return nil, &InvalidError{wrong}
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// encode returns one value as JSON, nil if there is none; or what is wrong with it.
func (f *Field) encode(values []string) (value []byte, wrong string) {
	if f.Kind == Choices {
		return f.encodeChoices(values)
	}
	if len(values) > 1 {
		return nil, "Only one value fits here."
	}
	if len(values) == 0 || values[0] == "" {
		if f.Required {
			return nil, "This is needed."
		}
		return nil, ""
	}
	v := values[0]
	switch f.Kind {
	case Number, Integer:
		return f.encodeNumber(strings.TrimSpace(v))
	case Bool:
		if v != "true" && v != "false" {
			return nil, "Write true or false."
		}
		return []byte(v), ""
	case Choice:
		if !f.offers(v) {
			return nil, "Choose one of those offered."
		}
		return quote(v), ""
	}
	return f.encodeText(v)
}

func (f *Field) encodeText(v string) ([]byte, string) {
	n := float64(utf8.RuneCountInString(v))
	switch {
	case !utf8.ValidString(v):
		return nil, "This is not text."
	case n < f.least:
		return nil, "Write at least " + characters(f.least) + "."
	case n > f.most:
		return nil, "Write at most " + characters(f.most) + "."
	case !fits(f.Format, v):
		return nil, map[string]string{
			"email": "Write an e-mail address like me@example.org.", "uri": "Write an address like https://example.org.",
			"date": "Write a date like 2026-12-31.", "date-time": "Write a time like 2026-12-31T23:59:00Z.",
		}[f.Format]
	}
	return quote(v), ""
}

func characters(n float64) string {
	if n == 1 {
		return "1 character"
	}
	return number(n) + " characters"
}

// number writes a number as people do.
func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

func fits(format, v string) bool {
	var err error
	switch format {
	case "email":
		var a *mail.Address
		if a, err = mail.ParseAddress(v); err == nil {
			return a.Address == v
		}
	case "uri":
		var u *url.URL
		if u, err = url.Parse(v); err == nil {
			return u.IsAbs()
		}
	case "date":
		_, err = time.Parse(time.DateOnly, v)
	case "date-time":
		_, err = time.Parse(time.RFC3339, v)
	}
	return err == nil
}

// encodeNumber keeps a number as it was written: an integer may be of any size.
func (f *Field) encodeNumber(v string) ([]byte, string) {
	x, err := strconv.ParseFloat(v, 64)
	if !json.Valid([]byte(v)) || err != nil {
		return nil, "Write a number."
	}
	if _, whole := new(big.Int).SetString(v, 10); f.Kind == Integer && !whole {
		return nil, "Write a whole number."
	}
	if x < f.least {
		return nil, "Write " + number(f.least) + " or more."
	}
	if x > f.most {
		return nil, "Write " + number(f.most) + " or less."
	}
	return []byte(v), ""
}

func (f *Field) encodeChoices(values []string) ([]byte, string) {
	var parts [][]byte
	for i, v := range values {
		if !f.offers(v) || slices.Contains(values[:i], v) {
			return nil, "Choose from those offered, each once."
		}
		parts = append(parts, quote(v))
	}
	switch n := float64(len(values)); {
	case n == 0 && !f.Required && f.least <= 0:
		return nil, ""
	case n < f.least:
		return nil, "Choose " + number(f.least) + " or more."
	case n > f.most:
		return nil, "Choose " + number(f.most) + " at most."
	}
	return slices.Concat([]byte("["), bytes.Join(parts, []byte(",")), []byte("]")), ""
}

func (f *Field) offers(v string) bool {
	return slices.ContainsFunc(f.Options, func(o Option) bool { return o.Value == v })
}

func quote(s string) []byte {
	b, _ := json.Marshal(s) // a string always encodes
	return b
}

// Values returns a JSON object of texts, numbers, booleans and lists of texts as
// Desk.Answer takes it; ok is false for anything else.
func Values(content json.RawMessage) (values map[string][]string, ok bool) {
	values = map[string][]string{}
	if len(content) == 0 {
		return values, true
	}
	if !json.Valid(content) || bytes.TrimSpace(content)[0] != '{' {
		return nil, false
	}
	for m := range rawjson.Members(content) {
		if values[string(m.Key)], ok = valuesOf(m.Value); !ok {
			return nil, false
		}
	}
	return values, true
}
