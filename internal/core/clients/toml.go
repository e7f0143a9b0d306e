package clients

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/core/config/jsonc"
)

// tomlTable holds the servers in Codex' file.
const tomlTable = "mcp_servers"

// A tomlForm is TOML as Codex reads it: a table for each server, and tables below that.
type tomlForm struct{}

// decodeTOML reads a file, or says where it is broken.
func decodeTOML(path string, content []byte) (map[string]any, error) {
	all := map[string]any{}
	err := toml.Unmarshal(content, &all)
	if err == nil {
		return all, nil
	}
	e := &config.Error{Path: path, Text: "The file is not TOML from here on.", Hint: "Mend the file first; nothing was changed."}
	if where, ok := errors.AsType[*toml.DecodeError](err); ok {
		e.Line, e.Column = where.Position()
	}
	return nil, e
}

// A section is a table of a file with its header, without what stands before the next.
type section struct {
	keys     []string
	from, to int
}

// sections returns the tables that have headers, in order. The content was decoded before.
func sections(content []byte) (all []section) {
	p := unstable.Parser{}
	p.Reset(content)
	for p.NextExpression() {
		x := p.Expression()
		if x.Kind != unstable.Table && x.Kind != unstable.ArrayTable {
			if len(all) > 0 {
				all[len(all)-1].to = lineEnd(content, int(x.Raw.Offset+x.Raw.Length))
			}
			continue
		}
		s := section{}
		for key := x.Key(); key.Next(); {
			if s.keys == nil {
				s.from = bytes.LastIndexByte(content[:key.Node().Raw.Offset], '\n') + 1
			}
			s.keys = append(s.keys, string(key.Node().Data))
			s.to = lineEnd(content, int(key.Node().Raw.Offset))
		}
		all = append(all, s)
	}
	return all
}

// lineEnd returns the offset behind the line that i is in.
func lineEnd(content []byte, i int) int {
	if n := bytes.IndexByte(content[i:], '\n'); n >= 0 {
		return i + n + 1
	}
	return len(content)
}

// find returns where our tables are; from equals to if there are none.
func (tomlForm) find(path string, content []byte) (from, to int, err error) {
	all, err := decodeTOML(path, content)
	if err != nil {
		return 0, 0, err
	}
	scattered := &config.Error{Path: path, Text: "The entry of mcpproxy-tray is written in a form that is not edited here.",
		Hint: "Write it as a table [" + tomlTable + "." + Name + "] by itself, or edit it by hand; nothing was changed."}
	for _, s := range sections(content) {
		if len(s.keys) < 2 || s.keys[0] != tomlTable || s.keys[1] != Name {
			continue
		}
		if to > from && len(bytes.TrimSpace(content[to:s.from])) > 0 {
			return 0, 0, scattered
		}
		if to == from {
			from = s.from
		}
		to = s.to
	}
	if servers, ok := all[tomlTable].(map[string]any); ok && servers[Name] != nil && from == to {
		return 0, 0, scattered
	}
	return from, to, nil
}

func (f tomlForm) text(path string, content []byte) (string, error) {
	from, to, err := f.find(path, content)
	return string(content[from:to]), err
}

func (f tomlForm) set(content []byte, e Endpoint) ([]byte, error) {
	from, to, err := f.find("", content)
	if err != nil {
		return nil, err
	}
	eol := "\n"
	if bytes.Contains(content, []byte("\r\n")) {
		eol = "\r\n"
	}
	entry := strings.ReplaceAll(string(asCodex(e)), "\n", eol)
	if from < to {
		return slices.Concat(content[:from], []byte(entry), content[to:]), nil
	}
	gap := ""
	if len(content) > 0 && !bytes.HasSuffix(content, []byte("\n")) {
		gap = eol
	}
	if len(bytes.TrimSpace(content)) > 0 {
		gap += eol
	}
	out := slices.Concat(content, []byte(gap+entry))
	if _, err := decodeTOML("", out); err != nil {
		return nil, &config.Error{Text: "\"" + tomlTable + "\" is written in a form that no table can be added to.", Hint: "Write its servers as tables [" + tomlTable + ".NAME] first; nothing was changed."}
	}
	return out, nil
}

func (f tomlForm) drop(content []byte, previous string) ([]byte, error) {
	from, to, err := f.find("", content)
	if err != nil || from == to {
		return content, err
	}
	if previous == "" { // with the blank line before it
		rest := bytes.TrimRight(content[:from], " \t\r\n")
		if len(rest) > 0 {
			from = lineEnd(content, len(rest))
		}
	}
	return slices.Concat(content[:from], []byte(previous), content[to:]), nil
}

func (tomlForm) meaning(content []byte, others bool) (string, bool) {
	all, err := decodeTOML("", content)
	if err != nil {
		return "", false
	}
	if servers, ok := all[tomlTable].(map[string]any); ok && others {
		delete(servers, Name)
		if len(servers) == 0 {
			delete(all, tomlTable)
		}
	}
	text, err := json.Marshal(all) // with the keys in order
	return string(text), err == nil
}

// asCodex is the table of an endpoint. Codex refuses a token that stands in "bearer_token".
func asCodex(e Endpoint) []byte {
	b := fmt.Appendf(nil, "[%s.%s]\nurl = %q\n", tomlTable, Name, e.URL)
	if e.Token != "" {
		b = fmt.Appendf(b, "http_headers = { \"Authorization\" = %q }\n", "Bearer "+e.Token)
	}
	return b
}

// loadTOML reads a file as if it were JSON; nil if it cannot be understood.
func loadTOML(text []byte) object {
	all, err := decodeTOML("", text)
	if err != nil {
		return nil
	}
	var o object
	if text, err = json.Marshal(all); err != nil || json.Unmarshal(text, &o) != nil {
		return nil
	}
	return o
}

// shownTOML is a text without what may be a secret.
func shownTOML(text []byte) string {
	var hide []jsonc.Splice
	var table []string
	p := unstable.Parser{}
	p.Reset(text)
	for p.NextExpression() {
		x := p.Expression()
		if x.Kind == unstable.KeyValue {
			hide = append(hide, secretsTOML(x, slices.ContainsFunc(table, isSecretTable))...)
			continue
		}
		table = keysOf(x)
	}
	out, at := []byte(nil), 0
	for _, s := range hide {
		out = append(append(out, text[at:s.From]...), s.With...)
		at = s.To
	}
	return string(append(out, text[at:]...))
}

func keysOf(x *unstable.Node) (keys []string) {
	for key := x.Key(); key.Next(); {
		keys = append(keys, string(key.Node().Data))
	}
	return keys
}

func isSecretTable(key string) bool { return slices.Contains(secretTables, key) }

// secretsTOML hides the texts that may be a secret in a key's value.
func secretsTOML(x *unstable.Node, all bool) (found []jsonc.Splice) {
	keys := keysOf(x)
	all = all || slices.ContainsFunc(keys, isSecretTable) || secretName.MatchString(keys[len(keys)-1])
	return secretTexts(x.Value(), all)
}

func secretTexts(v *unstable.Node, all bool) (found []jsonc.Splice) {
	switch v.Kind {
	case unstable.String:
		if all || secretParam.Match(v.Data) || userInfo.Match(v.Data) {
			found = append(found, jsonc.Splice{From: int(v.Raw.Offset), To: int(v.Raw.Offset + v.Raw.Length), With: `"` + hidden + `"`})
		}
	case unstable.InlineTable:
		for child := v.Children(); child.Next(); {
			found = append(found, secretsTOML(child.Node(), all)...)
		}
	case unstable.Array:
		flag := false
		for child := v.Children(); child.Next(); {
			n := child.Node()
			found = append(found, secretTexts(n, all || flag)...)
			flag = n.Kind == unstable.String && secretFlag([]byte(`"`+string(n.Data)+`"`))
		}
	}
	return found
}
