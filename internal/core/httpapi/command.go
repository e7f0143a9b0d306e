package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"unicode/utf8"
)

// An acceptedJSON answers a command: the version that was current then. Its
// effect is seen in a later one.
type acceptedJSON struct {
	Version uint64 `json:"version"`
}

// answer reports how a command about a server went.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, name string, status int, err error) {
	if err == nil {
		writeJSON(w, status, acceptedJSON{s.opt.View.Snapshot().Seq()})
		return
	}
	e := commandError(err, name)
	if e.status == http.StatusInternalServerError {
		s.opt.Logger.Error("command failed", "path", r.URL.Path, "server", name, "err", err)
	}
	refuse(w, r, e)
}

func (s *Server) setEnabled(on bool) http.HandlerFunc {
	return s.bare(func(r *http.Request, name string) error { return s.opt.Commands.SetEnabled(r.Context(), name, on) })
}

func (s *Server) restart(w http.ResponseWriter, r *http.Request) {
	s.bare(func(r *http.Request, name string) error { return s.opt.Commands.Restart(r.Context(), name) })(w, r)
}

// bare is a command that needs no body.
func (s *Server) bare(do func(r *http.Request, name string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, e := readBody(r); e != nil {
			refuse(w, r, e)
			return
		}
		name := r.PathValue("name")
		s.answer(w, r, name, http.StatusOK, do(r, name))
	}
}

func (s *Server) addServer(w http.ResponseWriter, r *http.Request) {
	body, e := readBody(r)
	if e != nil {
		refuse(w, r, e)
		return
	}
	name, entry, e := splitEntry(body)
	if e != nil {
		refuse(w, r, e)
		return
	}
	err := s.opt.Commands.Add(r.Context(), name, entry)
	if err == nil {
		w.Header().Set("Location", "/api/v1/servers/"+url.PathEscape(name))
	}
	s.answer(w, r, name, http.StatusCreated, err)
}

// removeServer answers DELETE, which has no body to check.
func (s *Server) removeServer(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	s.answer(w, r, name, http.StatusOK, s.opt.Commands.Remove(r.Context(), name))
}

// signal is a request to the program as a whole; nil says that it cannot.
func (s *Server) signal(do func()) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, e := readBody(r); e != nil {
			refuse(w, r, e)
			return
		}
		if do == nil {
			refuse(w, r, errCannot)
			return
		}
		do()
		writeJSON(w, http.StatusOK, acceptedJSON{s.opt.View.Snapshot().Seq()})
	}
}

// readBody returns a request's whole body, which is empty or declared as JSON.
func readBody(r *http.Request) ([]byte, *apiError) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return nil, errType
	}
	body, err := io.ReadAll(r.Body)
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, errTooLarge
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return nil, errBodySlow
	}
	if err != nil {
		return nil, badBody("The body broke off.")
	}
	return body, nil
}

var errUnknownMember = errors.New("a name that is not expected")

// A member is a name and a value of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// members returns the members of a JSON object in their order; a name that
// stands there twice is refused.
func members(object []byte) ([]member, error) {
	if !json.Valid(object) || !utf8.Valid(object) {
		return nil, errors.New("not valid JSON")
	}
	dec := json.NewDecoder(bytes.NewReader(object))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not an object")
	}
	var all []member
	seen := map[string]bool{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: key.(string)} // within an object, before its value
		if err := dec.Decode(&m.value); err != nil {
			return nil, err
		}
		if seen[m.name] {
			return nil, fmt.Errorf("%q stands there twice", m.name)
		}
		seen[m.name] = true
		all = append(all, m)
	}
	return all, nil
}

// splitEntry takes the name out of {"name": …, …entry}; what is left is the
// server's entry, its members in their order and their values as written.
func splitEntry(body []byte) (name string, entry json.RawMessage, e *apiError) {
	all, err := members(body)
	if err != nil {
		return "", nil, badBody("The body is not a JSON object with each name once.")
	}
	entry = json.RawMessage("{")
	for _, m := range all {
		if m.name == "name" {
			if json.Unmarshal(m.value, &name) != nil {
				return "", nil, badBody("The name of a server is a text.")
			}
			continue
		}
		if len(entry) > 1 {
			entry = append(entry, ',')
		}
		key, err := json.Marshal(m.name)
		if err != nil {
			return "", nil, errInternal
		}
		entry = append(append(append(entry, key...), ':'), m.value...)
	}
	if name == "" {
		return "", nil, badBody(`The body has no "name".`)
	}
	return name, append(entry, '}'), nil
}
