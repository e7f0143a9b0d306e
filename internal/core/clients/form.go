package clients

import (
	"errors"
	"strings"

	"mcpproxy-tray/internal/core/config"
)

// A form is how a client's file is written. Content is what such a file has; an empty one
// has no entries. Errors are of type *config.Error.
type form interface {
	// text returns our entry as it stands; empty if there is none.
	text(path string, content []byte) (string, error)
	// set returns the content with our entry for an endpoint, in place of one that is there.
	set(content []byte, e Endpoint) ([]byte, error)
	// drop returns the content without our entry, or with a previous one in its place.
	drop(content []byte, previous string) ([]byte, error)
	// meaning is the same for contents that differ in nothing but layout; with others, also
	// for those that differ in our entry. It is false if the content is not understood.
	meaning(content []byte, others bool) (string, bool)
}

func formOf(c Client, path string) form {
	if strings.HasSuffix(path, ".toml") {
		return tomlForm{}
	}
	return jsonForm{c}
}

// A jsonForm is JSON, with comments or without.
type jsonForm struct{ client Client }

func (f jsonForm) text(path string, content []byte) (string, error) {
	d, err := parse(path, content)
	if err != nil || d == nil {
		return "", err
	}
	s, _ := f.client.slotIn(d)
	v, err := s.value(d)
	if err != nil || v == nil {
		return "", placed(err, path)
	}
	return d.ValueText(v), nil
}

func (f jsonForm) set(content []byte, e Endpoint) ([]byte, error) {
	d, err := parse("", content)
	if err != nil {
		return nil, err
	}
	s, write := f.client.slotIn(d)
	return s.set(d, write(e))
}

func (f jsonForm) drop(content []byte, previous string) ([]byte, error) {
	d, err := parse("", content)
	if err != nil || d == nil {
		return content, err
	}
	s, _ := f.client.slotIn(d)
	v, err := s.value(d)
	if err != nil || v == nil {
		return content, err
	}
	if previous != "" {
		return d.Spliced(spliceOf(v, previous)), nil
	}
	return s.remove(d)
}

func (f jsonForm) meaning(content []byte, others bool) (string, bool) {
	d, err := parse("", content)
	if err != nil {
		return "", false
	}
	if d == nil {
		return "{}", true
	}
	s, _ := f.client.slotIn(d)
	d.Root.Minimize()
	if others {
		prune(&d.Root, s)
	}
	return d.Root.String(), true
}

// placed adds the file to an error of a place in it.
func placed(err error, path string) error {
	if e, ok := errors.AsType[*config.Error](err); ok {
		e.Path = path
	}
	return err
}
