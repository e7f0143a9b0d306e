package config

import (
	"fmt"
	"strconv"
	"time"

	"github.com/tailscale/hujson"

	"mcpproxy-tray/internal/core/config/jsonc"
)

// historyKeys are the keys of "history".
var historyKeys = []string{"enabled", "max_mb", "max_age", "payloads", "payload_kb"}

func (p *parser) history(v *hujson.Value) *Error {
	obj, err := p.object(v, "history")
	if err != nil {
		return err
	}
	h := &p.cfg.History
	seen := map[string]bool{}
	for i := range obj.Members {
		m := &obj.Members[i]
		key := jsonc.Key(m)
		if seen[key] {
			return p.fail(&m.Name, quoted(key)+` appears twice in "history".`, "Remove one of them.")
		}
		var n int64
		switch key {
		case "enabled":
			h.Enabled, err = p.boolean(&m.Value, key)
		case "payloads":
			h.Payloads, err = p.boolean(&m.Value, key)
		case "max_age":
			h.MaxAge, err = p.duration(&m.Value, key, time.Minute)
		case "max_mb": // a transaction needs some; a file of 10 GB is read for a minute at each start
			n, err = p.number(&m.Value, key, 10, 10_000)
			h.MaxBytes = n << 20
		case "payload_kb":
			n, err = p.number(&m.Value, key, 1, 1_000)
			h.PayloadBytes = int(n << 10)
		default:
			p.unknown(&m.Name, "", key, historyKeys)
			continue
		}
		if err != nil {
			return err
		}
		seen[key] = true
	}
	return nil
}

// number reads a whole number.
func (r reader) number(v *hujson.Value, key string, least, most int64) (int64, *Error) {
	hint := fmt.Sprintf("Write a number from %d to %d, without quotes.", least, most)
	lit, ok := v.Value.(hujson.Literal)
	if !ok || lit.Kind() != '0' {
		return 0, r.wrong(v, key, "a number", hint)
	}
	n, err := strconv.ParseInt(string(lit), 10, 64)
	if err != nil || n < least || n > most {
		return 0, r.fail(v, quoted(key)+" cannot be "+string(lit)+".", hint)
	}
	return n, nil
}
