package config

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tailscale/hujson"

	"mcpproxy-tray/internal/core/config/jsonc"
)

// Parse reads a configuration. A broken entry of a server does not stop the
// others: it is in Servers with Err set, or in Refused if its name cannot be
// used. A broken file, or a setting with an impossible value, is an *Error for
// the whole. An empty file is such an error: it is a file that was cut off.
func Parse(data []byte) (*Config, error) {
	cfg, err := parse("", data)
	if err != nil {
		return nil, err
	}
	return cfg, nil
}

func parse(path string, data []byte) (*Config, *Error) {
	doc, err := parseDocument(path, data)
	if err != nil {
		return nil, err
	}
	p := parser{reader: reader{doc: doc}, cfg: Fallback()}
	if err := p.file(); err != nil {
		return nil, err
	}
	return p.cfg, nil
}

// A parser turns one document into one Config.
type parser struct {
	reader
	cfg      *Config
	warnings map[string]*warning
	order    []*warning
}

func (p *parser) file() *Error {
	obj, ok := p.doc.Root.Value.(*hujson.Object)
	if !ok {
		return p.fail(&p.doc.Root, "The file must be an object in braces, not "+kindName(&p.doc.Root)+".",
			`Write {"mcpServers": { … }}.`)
	}
	seen := map[string]bool{}
	for i := range obj.Members {
		m := &obj.Members[i]
		key := jsonc.Key(m)
		known, err := p.setting(key, &m.Value)
		if err != nil {
			return err
		}
		if known && seen[key] {
			return p.fail(&m.Name, quoted(key)+" appears twice in the file.", "Remove one of them.")
		}
		seen[key] = true
		if !known {
			p.unknown(&m.Name, "", key, topKeys)
		}
	}
	p.finishWarnings()
	return nil
}

// The keys of the top level and of "notifications"; the values are read in setting and notification.
var (
	topKeys    = []string{"listen", "quarantine", "mcp_auth", "log_level", "notifications", "start_timeout", "call_timeout", "call_wait", "tools_grace", "question_timeout", "history", "mcpServers"}
	noticeKeys = []string{"enabled", "down_after", "min_up", "group", "startup_quiet", "flap_mute", "need_after", "kinds"}
)

func (p *parser) setting(key string, v *hujson.Value) (known bool, err *Error) {
	switch key {
	case "listen":
		p.cfg.Listen, err = p.listen(v)
	case "quarantine":
		p.cfg.Quarantine, err = p.boolean(v, key)
	case "mcp_auth":
		p.cfg.MCPAuth, err = p.oneOf(v, key, "token", "none")
	case "log_level":
		var level string
		if level, err = p.oneOf(v, key, "debug", "info", "warn", "error"); err == nil {
			_ = p.cfg.LogLevel.UnmarshalText([]byte(level)) // one of its own four words
		}
	case "notifications":
		err = p.notifications(v)
	case "start_timeout":
		p.cfg.Timeouts.Start, err = p.duration(v, key, time.Millisecond)
	case "call_timeout":
		p.cfg.Timeouts.Call, err = p.duration(v, key, time.Millisecond)
	case "call_wait":
		p.cfg.Timeouts.Wait, err = p.duration(v, key, time.Millisecond)
	case "tools_grace":
		p.cfg.Timeouts.Grace, err = p.duration(v, key, time.Millisecond)
	case "question_timeout":
		p.cfg.Timeouts.Question, err = p.duration(v, key, 0)
	case "history":
		err = p.history(v)
	case "mcpServers":
		err = p.servers(v)
	case "$schema":
	default:
		return false, nil
	}
	return true, err
}

func (p *parser) notifications(v *hujson.Value) *Error {
	obj, err := p.object(v, "notifications")
	if err != nil {
		return err
	}
	n := &p.cfg.Notifications
	delays := map[string]*time.Duration{
		"down_after": &n.DownAfter, "min_up": &n.MinUp, "group": &n.Group,
		"startup_quiet": &n.StartupQuiet, "flap_mute": &n.FlapMute, "need_after": &n.NeedAfter,
	}
	seen := map[string]bool{}
	for i := range obj.Members {
		m := &obj.Members[i]
		key := jsonc.Key(m)
		delay := delays[key]
		switch {
		case seen[key]:
			return p.fail(&m.Name, quoted(key)+` appears twice in "notifications".`, "Remove one of them.")
		case key == "enabled":
			n.Enabled, err = p.boolean(&m.Value, key)
		case key == "kinds":
			n.Silent, err = p.silent(&m.Value)
		case delay != nil:
			*delay, err = p.duration(&m.Value, key, 0)
		default:
			p.unknown(&m.Name, "", key, noticeKeys)
			continue
		}
		if err != nil {
			return err
		}
		seen[key] = true
	}
	return nil
}

// silent reads which kinds of notifications are switched off.
func (p *parser) silent(v *hujson.Value) (silent []string, err *Error) {
	obj, err := p.object(v, "kinds")
	if err != nil {
		return nil, err
	}
	on := map[string]bool{}
	for i := range obj.Members {
		m := &obj.Members[i]
		key := jsonc.Key(m)
		if _, seen := on[key]; seen {
			return nil, p.fail(&m.Name, quoted(key)+` appears twice in "kinds".`, "Remove one of them.")
		}
		if !slices.Contains(NoticeKinds, key) {
			return nil, p.fail(&m.Name, "There is no kind of notification "+quoted(key)+".", "The kinds are "+strings.Join(NoticeKinds, ", ")+".")
		}
		if on[key], err = p.boolean(&m.Value, key); err != nil {
			return nil, err
		}
	}
	for _, kind := range NoticeKinds {
		if told, set := on[kind]; set && !told {
			silent = append(silent, kind)
		}
	}
	return silent, nil
}

func (p *parser) oneOf(v *hujson.Value, key string, words ...string) (string, *Error) {
	s, err := p.text(v, key)
	if err != nil {
		return "", err
	}
	list := ""
	for i, w := range words {
		if s == w {
			return s, nil
		}
		if i > 0 {
			list += " or "
		}
		list += strconv.Quote(w)
	}
	return "", p.fail(v, quoted(key)+" cannot be "+quoted(s)+".", "Write "+list+".")
}

// listen reads an address that only this machine can reach.
func (p *parser) listen(v *hujson.Value) (string, *Error) {
	const hint = `Write it like "127.0.0.1:7420"; port 0 picks a free one.`
	s, err := p.text(v, "listen")
	if err != nil {
		return "", err
	}
	host, port, splitErr := net.SplitHostPort(s)
	if _, portErr := strconv.ParseUint(port, 10, 16); splitErr != nil || portErr != nil {
		return "", p.fail(v, `"listen" is not an address with a port: `+quoted(s)+".", hint)
	}
	if addr, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !addr.IsLoopback() || addr.Zone() != "") {
		return "", p.fail(v, `"listen" must be an address of this machine only, not `+quoted(s)+".", hint)
	}
	return s, nil
}
