package config

import (
	"net/url"
	"strconv"
	"strings"
)

// Expand returns s with each ${env:NAME} in command, arguments, environment,
// directory, URL and headers replaced by what lookup says, usually os.LookupEnv.
// It asks only for names that are mentioned. $${ stands for a plain ${, and other
// ${…} stay as they are. A missing variable, ${keyring:…}, or a result that is not usable
// is an *Error with the server's name. s itself is not changed.
func (s Server) Expand(lookup func(string) (string, bool)) (Server, error) {
	x := expander{server: s.Name, lookup: lookup}
	out := s
	out.Command = x.text("command", s.Command)
	out.Cwd = x.text("cwd", s.Cwd)
	out.URL = x.text("url", s.URL)
	out.Args = nil
	for _, a := range s.Args {
		out.Args = append(out.Args, x.text("args", a))
	}
	out.Env = x.table("env", s.Env)
	out.Headers = x.table("headers", s.Headers)
	if x.err == nil {
		x.err = out.check()
	}
	if x.err != nil {
		return Server{}, x.err
	}
	return out, nil
}

// check says what is wrong with values that must be usable as they stand.
func (s Server) check() *Error {
	fail := func(text, hint string) *Error {
		return &Error{Server: s.Name, Text: text, Hint: hint, cause: ErrInvalid}
	}
	for key, v := range s.Headers {
		if strings.ContainsAny(v, "\r\n\x00") {
			return fail(`The value of header `+quoted(key)+` contains a line break.`, "Remove the line break from the value.")
		}
	}
	for _, v := range append([]string{s.Command, s.Cwd}, s.Args...) {
		if strings.Contains(v, "\x00") {
			return fail(`"command", "args" or "cwd" contains a zero byte.`, "Remove it; no program can be given one.")
		}
	}
	for key, v := range s.Env {
		if strings.Contains(v, "\x00") {
			return fail(`The value of `+quoted(key)+` in "env" contains a zero byte.`, "Remove it; no program can be given one.")
		}
	}
	if s.URL == "" {
		return nil
	}
	u, err := url.Parse(s.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return fail(`"url" is not a web address.`, "Write it like https://example.com/mcp.")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fail(`The port in "url" does not exist.`, "Ports are numbers from 1 to 65535.")
		}
	}
	return nil
}

type expander struct {
	server string
	lookup func(string) (string, bool)
	err    *Error // the first one
}

func (x *expander) table(key string, in map[string]string) map[string]string {
	if in == nil {
		return nil
	}
	out := make(map[string]string, len(in))
	for k, v := range in {
		out[k] = x.text(key, v)
	}
	return out
}

// text expands one value. The expansion is not expanded again.
func (x *expander) text(key, in string) string {
	var b strings.Builder
	for {
		i := strings.Index(in, "${")
		if i < 0 {
			return b.String() + in
		}
		if i > 0 && in[i-1] == '$' { // $${ is a plain ${
			b.WriteString(in[:i-1] + "${")
			in = in[i+2:]
			continue
		}
		b.WriteString(in[:i])
		ref, rest, closed := strings.Cut(in[i+2:], "}")
		kind, name, _ := strings.Cut(ref, ":")
		switch {
		case kind != "env" && kind != "keyring":
			b.WriteString("${")
			in = in[i+2:]
			continue
		case !closed || name == "":
			x.fail(`"`+key+`" contains a ${`+kind+`: that is not complete.`, "Write it like ${env:NAME}.")
		case kind == "keyring":
			x.fail(`"`+key+`" refers to the keyring, which is not supported yet.`, "Use ${env:NAME} for now.")
		default:
			v, ok := x.lookup(name)
			if !ok {
				x.fail(`"`+key+`" needs the environment variable `+quoted(name)+`, which is not set.`,
					"Set it before mcpproxy-tray starts, or write the value into the configuration.")
			}
			b.WriteString(v)
		}
		in = rest
	}
}

func (x *expander) fail(text, hint string) {
	if x.err == nil {
		x.err = &Error{Server: x.server, Text: text, Hint: hint, cause: ErrInvalid}
	}
}
