package question

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"

	"mcpproxy-tray/internal/core/rawjson"
)

// A Kind is what a field takes.
type Kind uint8

// The kinds of fields.
const (
	Text Kind = iota
	Number
	Integer
	Bool
	Choice  // one of Options
	Choices // some of Options
)

// A Field is one thing that a server wants to know.
// [MCP 2025-11-25, schema, PrimitiveSchemaDefinition]
type Field struct {
	Name, Title, Description string
	Kind                     Kind
	Required                 bool
	Format                   string // of a text: "email", "uri", "date", "date-time" or empty
	Options                  []Option
	Default                  []string // as in Desk.Answer; may be empty

	least, most float64 // of a number its value, of a text its runes, of choices how many; infinite if not limited
}

// An Option is one choice.
type Option struct{ Value, Title string }

const (
	maxFields  = 50
	maxOptions = 200
)

// parse reads what a server asks. wrong says why it cannot be asked.
func parse(params json.RawMessage) (q Question, wrong string) {
	if len(params) > maxBytes {
		return q, "The question is too long."
	}
	var p struct {
		Mode    string          `json:"mode"`
		Message string          `json:"message"`
		URL     string          `json:"url"`
		Schema  json.RawMessage `json:"requestedSchema"`
	}
	if json.Unmarshal(params, &p) != nil || p.Message == "" {
		return q, "The question has no message."
	}
	q.Message = p.Message
	switch p.Mode {
	case "url":
		u, err := url.Parse(p.URL)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil {
			return q, "The question's URL is not one that can be visited."
		}
		q.URL = u.String()
		return q, ""
	case "", "form":
	default:
		return q, "This mode of elicitation is not known."
	}
	q.Fields, wrong = parseFields(p.Schema)
	return q, wrong
}

func parseFields(schema json.RawMessage) (fields []Field, wrong string) {
	var s struct {
		Type       string          `json:"type"`
		Properties json.RawMessage `json:"properties"`
		Required   []string        `json:"required"`
	}
	if json.Unmarshal(schema, &s) != nil || s.Type != "object" {
		return nil, "The requestedSchema is not that of an object."
	}
	required := map[string]bool{}
	for _, name := range s.Required {
		required[name] = true
	}
	seen := map[string]bool{}
	for m := range rawjson.Members(s.Properties) {
		f := Field{Name: string(m.Key), Required: required[string(m.Key)]}
		if wrong := f.parse(m.Value); wrong != "" {
			return nil, wrong
		}
		if len(fields) == maxFields || seen[f.Name] {
			return nil, fmt.Sprintf("The requestedSchema has more than %d properties, or one twice.", maxFields)
		}
		seen[f.Name] = true
		fields = append(fields, f)
	}
	return fields, ""
}

type fieldSchema struct {
	Type        string
	Title       string
	Description string
	Format      string
	Enum        []string
	EnumNames   []string
	OneOf       []titled
	AnyOf       []titled
	Items       *fieldSchema
	Default     json.RawMessage
	Minimum     *float64
	Maximum     *float64
	MinLength   *float64
	MaxLength   *float64
	MinItems    *float64
	MaxItems    *float64
}

type titled struct{ Const, Title string }

func (f *Field) parse(schema json.RawMessage) (wrong string) {
	var s fieldSchema
	if json.Unmarshal(schema, &s) != nil {
		return fmt.Sprintf("The property %q of the requestedSchema is none that a form can have.", f.Name)
	}
	f.Title, f.Description, f.Format = s.Title, s.Description, s.Format
	f.least, f.most = math.Inf(-1), math.Inf(1)
	limit := func(least, most *float64) {
		if least != nil {
			f.least = *least
		}
		if most != nil {
			f.most = *most
		}
	}
	switch {
	case s.Type == "string" && (s.Enum != nil || s.OneOf != nil):
		f.Kind, f.Options = Choice, options(&s)
	case s.Type == "string":
		limit(s.MinLength, s.MaxLength)
	case s.Type == "number", s.Type == "integer":
		f.Kind = Number
		if s.Type == "integer" {
			f.Kind = Integer
		}
		limit(s.Minimum, s.Maximum)
	case s.Type == "boolean":
		f.Kind = Bool
	case s.Type == "array" && s.Items != nil && (s.Items.Enum != nil || s.Items.AnyOf != nil || s.Items.OneOf != nil):
		f.Kind, f.Options = Choices, options(s.Items)
		limit(s.MinItems, s.MaxItems)
	default:
		return fmt.Sprintf("The property %q of the requestedSchema is none that a form can have.", f.Name)
	}
	if len(f.Options) > maxOptions {
		return fmt.Sprintf("The property %q of the requestedSchema has more than %d choices.", f.Name, maxOptions)
	}
	f.Default = defaults(s.Default)
	return ""
}

func options(s *fieldSchema) (all []Option) {
	for i, v := range s.Enum {
		o := Option{v, v}
		if i < len(s.EnumNames) {
			o.Title = s.EnumNames[i]
		}
		all = append(all, o)
	}
	for _, list := range [][]titled{s.OneOf, s.AnyOf} {
		for _, t := range list {
			o := Option{t.Const, t.Title}
			if t.Title == "" {
				o.Title = t.Const
			}
			all = append(all, o)
		}
	}
	return all
}

// defaults returns a schema's default as values; what is none is left out.
func defaults(value json.RawMessage) []string {
	if values, ok := valuesOf(value); ok {
		return values
	}
	return nil
}

// valuesOf returns a text, number, boolean or a list of texts as values of a field.
func valuesOf(value json.RawMessage) (values []string, ok bool) {
	if len(value) == 0 {
		return nil, false
	}
	switch value[0] {
	case '"':
		var s string
		ok = json.Unmarshal(value, &s) == nil
		return []string{s}, ok
	case '[':
		ok = json.Unmarshal(value, &values) == nil
		return values, ok
	case '{', 'n':
		return nil, false
	}
	return []string{string(value)}, true
}
