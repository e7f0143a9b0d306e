// Package apitest tells tests what docs/openapi.json says: which operations there
// are, and whether an answer is as described. It is not for the program.
//
// A Document may be used by one test at a time.
package apitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"mcpproxy-tray/docs"
)

// A Document is the description of the API.
type Document struct {
	Operations []Operation // sorted by path and method
	parts      components
}

// An Operation is what one method of one path does.
type Operation struct {
	Method, Path string // e.g. "GET", "/api/v1/servers/{name}"
	Summary      string
	Query        []string // names of its parameters behind the ?, sorted
	InPath       []string // names of those in its path, sorted
	Open         bool     // needs no token
	HasBody      bool
	responses    map[string]response // by status, or "default"
}

// components are the parts that operations refer to.
type components struct {
	Parameters map[string]parameter       `json:"parameters"`
	Responses  map[string]response        `json:"responses"`
	Schemas    map[string]json.RawMessage `json:"schemas"`
}

type parameter struct {
	Ref  string `json:"$ref"`
	Name string `json:"name"`
	In   string `json:"in"`
}

type response struct {
	Ref     string `json:"$ref"`
	Content map[string]struct {
		Schema json.RawMessage `json:"schema"`
	} `json:"content"`
}

// Load reads the document.
func Load() (*Document, error) {
	var raw struct {
		Paths      map[string]map[string]json.RawMessage `json:"paths"`
		Components components                            `json:"components"`
	}
	// Where the schemas stand in what is given to the validator.
	text := bytes.ReplaceAll(docs.OpenAPI, []byte(`"#/components/schemas/`), []byte(`"#/$defs/`))
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, err
	}
	d := &Document{parts: raw.Components}
	for _, path := range slices.Sorted(maps.Keys(raw.Paths)) {
		item := raw.Paths[path]
		var common []parameter
		if p, ok := item["parameters"]; ok {
			if err := json.Unmarshal(p, &common); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			delete(item, "parameters")
		}
		for _, method := range slices.Sorted(maps.Keys(item)) {
			op, err := d.operation(strings.ToUpper(method), path, common, item[method])
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			d.Operations = append(d.Operations, op)
		}
	}
	return d, nil
}

func (d *Document) operation(method, path string, common []parameter, text json.RawMessage) (Operation, error) {
	var raw struct {
		Summary     string              `json:"summary"`
		Parameters  []parameter         `json:"parameters"`
		Responses   map[string]response `json:"responses"`
		Security    *[]any              `json:"security"`
		RequestBody json.RawMessage     `json:"requestBody"`
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return Operation{}, err
	}
	op := Operation{Method: method, Path: path, Summary: raw.Summary, Open: raw.Security != nil, HasBody: raw.RequestBody != nil, responses: raw.Responses}
	for _, p := range append(common, raw.Parameters...) {
		if name, ok := strings.CutPrefix(p.Ref, "#/components/parameters/"); ok {
			p = d.parts.Parameters[name]
		}
		switch p.In {
		case "query":
			op.Query = append(op.Query, p.Name)
		case "path":
			op.InPath = append(op.InPath, p.Name)
		case "header":
		default:
			return Operation{}, fmt.Errorf("parameter %+v", p)
		}
	}
	slices.Sort(op.Query)
	slices.Sort(op.InPath)
	return op, nil
}

// Find returns the operation of a request's method and target.
func (d *Document) Find(method, target string) (Operation, bool) {
	path, _, _ := strings.Cut(target, "?")
	got := strings.Split(path, "/")
	for _, op := range d.Operations {
		want := strings.Split(op.Path, "/")
		if op.Method == method && slices.EqualFunc(got, want, func(g, w string) bool { return g == w || strings.HasPrefix(w, "{") && g != "" }) {
			return op, true
		}
	}
	return Operation{}, false
}

// Check says how an answer differs from what the document says of it.
func (d *Document) Check(method, target string, status int, header http.Header, body []byte) error {
	op, ok := d.Find(method, target)
	if !ok {
		return fmt.Errorf("%s %s is not described", method, target)
	}
	res, ok := op.responses[strconv.Itoa(status)]
	if !ok && status >= 400 {
		res, ok = op.responses["default"]
	}
	if !ok {
		return fmt.Errorf("%s %s: the status %d is not described", method, target, status)
	}
	if name, isRef := strings.CutPrefix(res.Ref, "#/components/responses/"); isRef {
		res = d.parts.Responses[name]
	}
	if len(res.Content) == 0 {
		if len(body) > 0 {
			return fmt.Errorf("%s %s: %d has a body", method, target, status)
		}
		return nil
	}
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	content, ok := res.Content[kind]
	if err != nil || !ok {
		return fmt.Errorf("%s %s: Content-Type %q is not described", method, target, header.Get("Content-Type"))
	}
	if kind != "application/json" {
		return nil
	}
	if err := d.validate(content.Schema, body); err != nil {
		return fmt.Errorf("%s %s: %d %s: %w", method, target, status, body, err)
	}
	return nil
}

// CheckSchema says how a JSON document differs from one of the document's schemas.
func (d *Document) CheckSchema(name string, body []byte) error {
	if d.parts.Schemas[name] == nil {
		return fmt.Errorf("there is no schema %q", name)
	}
	return d.validate(json.RawMessage(`{"$ref":"#/$defs/`+name+`"}`), body)
}

// States returns the states that the document knows.
func (d *Document) States() (states []string, err error) {
	var s struct{ Enum []string }
	err = json.Unmarshal(d.parts.Schemas["State"], &s)
	return s.Enum, err
}

func (d *Document) validate(schema json.RawMessage, body []byte) error {
	text, err := json.Marshal(map[string]any{"$defs": d.parts.Schemas, "allOf": []json.RawMessage{schema}})
	if err != nil {
		return err
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		return err
	}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return err
	}
	return resolved.Validate(v)
}
