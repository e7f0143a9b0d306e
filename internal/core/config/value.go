package config

import (
	"time"

	"github.com/tailscale/hujson"

	"mcpproxy-tray/internal/core/config/jsonc"
)

// A reader takes typed values out of a document. Each of its methods names the
// value by the key people see, and returns an *Error of the value's place.
type reader struct {
	doc    *document
	server string // for Error.Server; empty for top-level settings
}

func (r reader) fail(v *hujson.Value, text, hint string) *Error {
	return r.doc.errorAt(v.StartOffset, r.server, text, hint)
}

func (r reader) wrong(v *hujson.Value, key, want, hint string) *Error {
	return r.fail(v, quoted(key)+" must be "+want+", not "+kindName(v)+".", hint)
}

func kindName(v *hujson.Value) string {
	switch v.Value.Kind() {
	case 'n':
		return "null"
	case 't':
		return "true"
	case 'f':
		return "false"
	case '"':
		return "a text"
	case '0':
		return "a number"
	case '[':
		return "a list"
	default:
		return "an object"
	}
}

func (r reader) text(v *hujson.Value, key string) (string, *Error) {
	if lit, ok := v.Value.(hujson.Literal); ok && lit.Kind() == '"' {
		return jsonc.Text(lit), nil
	}
	hint := "Remove it, or give it a value."
	if k := v.Value.Kind(); k == '0' || k == 't' || k == 'f' {
		hint = "Put it in double quotes."
	}
	return "", r.wrong(v, key, "a text in quotes", hint)
}

func (r reader) boolean(v *hujson.Value, key string) (bool, *Error) {
	if lit, ok := v.Value.(hujson.Literal); ok && (lit.Kind() == 't' || lit.Kind() == 'f') {
		return lit.Bool(), nil
	}
	return false, r.wrong(v, key, "true or false", "Write true or false, without quotes.")
}

func (r reader) duration(v *hujson.Value, key string, least time.Duration) (time.Duration, *Error) {
	const hint = `Write it like "10s", "2m30s" or "500ms".`
	lit, ok := v.Value.(hujson.Literal)
	if !ok || lit.Kind() != '"' {
		return 0, r.wrong(v, key, "a time in quotes", hint)
	}
	d, err := time.ParseDuration(lit.String())
	if err != nil {
		return 0, r.fail(v, quoted(key)+" is not a time: "+quoted(lit.String())+".", hint)
	}
	if d < least {
		return 0, r.fail(v, quoted(key)+" is too short: "+quoted(lit.String())+".", "The least is "+least.String()+".")
	}
	return d, nil
}

func (r reader) object(v *hujson.Value, key string) (*hujson.Object, *Error) {
	if obj, ok := v.Value.(*hujson.Object); ok {
		return obj, nil
	}
	return nil, r.wrong(v, key, "an object", "Write it in braces: { }.")
}

func (r reader) texts(v *hujson.Value, key string) ([]string, *Error) {
	arr, ok := v.Value.(*hujson.Array)
	if !ok {
		return nil, r.wrong(v, key, "a list", `Write it in brackets: ["one", "two"].`)
	}
	var out []string
	for i := range arr.Elements {
		s, err := r.text(&arr.Elements[i], key)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// table reads an object of texts. Keys may not repeat.
func (r reader) table(v *hujson.Value, key string) (map[string]string, *Error) {
	obj, err := r.object(v, key)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(obj.Members))
	for i := range obj.Members {
		m := &obj.Members[i]
		name := jsonc.Key(m)
		if _, twice := out[name]; twice {
			return nil, r.fail(&m.Name, quoted(name)+" appears twice in "+quoted(key)+".", "Remove one of them.")
		}
		if out[name], err = r.text(&m.Value, name); err != nil {
			return nil, err
		}
	}
	return out, nil
}
