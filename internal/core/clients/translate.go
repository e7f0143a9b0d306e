package clients

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A translation is an entry in the words of our configuration.
type translation struct {
	Type     string            `json:"type,omitempty"`
	Command  string            `json:"command,omitempty"`
	Args     []string          `json:"args,omitempty"`
	Env      map[string]string `json:"env,omitempty"`
	Cwd      string            `json:"cwd,omitempty"`
	URL      string            `json:"url,omitempty"`
	Headers  map[string]string `json:"headers,omitempty"`
	Disabled bool              `json:"disabled,omitempty"`
}

// words are the keys that clients have for the same things.
type words struct {
	Type        string                     `json:"type"`
	Transport   json.RawMessage            `json:"transport"` // a text, if it means what is meant here
	Command     json.RawMessage            `json:"command"`   // see commandOf
	Args        []string                   `json:"args"`
	Env         map[string]json.RawMessage `json:"env"`
	Environment map[string]json.RawMessage `json:"environment"`
	Envs        map[string]json.RawMessage `json:"envs"`
	Cwd         string                     `json:"cwd"`
	WorkingDir  string                     `json:"working_dir"`
	URL         string                     `json:"url"`
	ServerURL   string                     `json:"serverUrl"`
	HTTPURL     string                     `json:"httpUrl"`
	URI         string                     `json:"uri"`
	Headers     map[string]json.RawMessage `json:"headers"`
	HTTPHeaders map[string]json.RawMessage `json:"http_headers"`
	EnvHeaders  map[string]string          `json:"env_http_headers"`     // a variable for each
	BearerEnv   string                     `json:"bearer_token_env_var"` // the variable with the token
	Disabled    bool                       `json:"disabled"`
	Enabled     *bool                      `json:"enabled"`
}

// translate puts a client's entry into our words, or says why that cannot be done.
func (c Client) translate(raw json.RawMessage, home string) (t translation, why string) {
	var w words
	if bytes.TrimSpace(raw)[0] != '{' || json.Unmarshal(raw, &w) != nil {
		return t, "its entry is not understood"
	}
	command, nestedEnv := commandOf(w.Command, w.Args)
	t = translation{URL: cmp.Or(w.URL, w.ServerURL, w.HTTPURL, w.URI), Cwd: cmp.Or(w.Cwd, w.WorkingDir), Disabled: w.Disabled || w.Enabled != nil && !*w.Enabled}
	if len(command) > 0 {
		t.Command, t.Args = command[0], command[1:]
	}
	if t.URL == "" && t.Command == "" {
		return t, "its entry has neither a command nor an address"
	}
	var transport string
	_ = json.Unmarshal(w.Transport, &transport) // an object means something else
	if t.URL != "" && (w.Type == "sse" || transport == "sse" || c.urlSSE && w.HTTPURL == "" && w.Type == "") {
		t.Type = "sse"
	}
	e := expansions{home: home}
	t.Command, t.URL, t.Cwd = e.text(t.Command), e.text(t.URL), e.text(t.Cwd)
	for i := range t.Args {
		t.Args[i] = e.text(t.Args[i])
	}
	t.Env = e.table(nestedEnv, w.Env, w.Environment, w.Envs)
	t.Headers = e.table(w.Headers, w.HTTPHeaders)
	for name, variable := range w.EnvHeaders {
		t.header(name, "${env:"+variable+"}")
	}
	if w.BearerEnv != "" {
		t.header("Authorization", "Bearer ${env:"+w.BearerEnv+"}")
	}
	return t, e.why
}

func (t *translation) header(name, value string) {
	if t.Headers == nil {
		t.Headers = map[string]string{}
	}
	t.Headers[name] = value
}

// commandOf reads a command with its arguments: a text and a list, one list, or an object
// with path, args and env.
func commandOf(raw json.RawMessage, args []string) (command []string, env map[string]json.RawMessage) {
	var word string
	var nested struct {
		Path string                     `json:"path"`
		Args []string                   `json:"args"`
		Env  map[string]json.RawMessage `json:"env"`
	}
	switch {
	case len(raw) == 0:
		return nil, nil
	case json.Unmarshal(raw, &word) == nil:
		command = append([]string{word}, args...)
	case json.Unmarshal(raw, &command) == nil:
		command = append(command, args...)
	case json.Unmarshal(raw, &nested) == nil:
		command, env = append([]string{nested.Path}, nested.Args...), nested.Env
	}
	if len(command) > 0 && command[0] == "" {
		return nil, nil
	}
	return command, env
}

// expansions puts what a client replaces in texts into our words.
type expansions struct {
	home string
	why  string // the first thing that has no words of ours
}

var (
	placeholder = regexp.MustCompile(`\$?\{[^{}]*\}`)
	variable    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

func (e *expansions) refuse(why string) {
	e.why = cmp.Or(e.why, why)
}

// text translates ${NAME}, {env:NAME} and what clients know of their own.
func (e *expansions) text(s string) string {
	return placeholder.ReplaceAllStringFunc(s, func(found string) string {
		inner := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(found, "$"), "{"), "}")
		word, rest, _ := strings.Cut(inner, ":")
		dollar := found[0] == '$'
		switch {
		case word == "env" && variable.MatchString(rest):
			return "${env:" + rest + "}"
		case dollar && variable.MatchString(inner) && inner == strings.ToUpper(inner):
			return "${env:" + inner + "}"
		case dollar && inner == "userHome":
			return e.home
		case dollar && word == "input":
			e.refuse("the client asks for a value of it (" + found + ")")
		case dollar && strings.HasPrefix(word, "workspaceFolder"):
			e.refuse("it depends on the folder that is open in the client (" + found + ")")
		case dollar && variable.MatchString(word), !dollar && word == "file":
			e.refuse("it has a value that only the client can fill in (" + found + ")")
		}
		return found
	})
}

// table joins tables of texts. A value that is as a whole $NAME is a variable of the environment.
func (e *expansions) table(tables ...map[string]json.RawMessage) map[string]string {
	var all map[string]string
	for _, table := range tables {
		for _, name := range slices.Sorted(maps.Keys(table)) {
			var value string
			if json.Unmarshal(table[name], &value) != nil {
				value = strings.TrimSpace(string(table[name])) // a number, or true
				if value == "null" || strings.HasPrefix(value, "{") || strings.HasPrefix(value, "[") {
					e.refuse("the value of " + name + " is not a text")
				}
			}
			if rest, ok := strings.CutPrefix(value, "$"); ok && variable.MatchString(rest) {
				value = "${env:" + rest + "}"
			}
			if all == nil {
				all = map[string]string{}
			}
			all[name] = e.text(value)
		}
	}
	return all
}
