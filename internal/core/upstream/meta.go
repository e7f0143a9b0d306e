package upstream

import (
	"bytes"
	"encoding/json"
	"fmt"

	"mcpproxy-tray/internal/core/rawjson"
)

// firstModern is the first revision without a handshake: each request carries
// the version, client and capabilities in its _meta.
const firstModern = "2026-07-28"

// The reserved keys of _meta describe one hop: our client's are not ours.
const (
	metaProtocol     = "io.modelcontextprotocol/protocolVersion"
	metaClient       = "io.modelcontextprotocol/clientInfo"
	metaCapabilities = "io.modelcontextprotocol/clientCapabilities"
	metaLogLevel     = "io.modelcontextprotocol/logLevel"
	metaSubscription = "io.modelcontextprotocol/subscriptionId"
	metaServer       = "io.modelcontextprotocol/serverInfo"
)

// clientName is what we call ourselves towards servers.
const clientName = "mcpproxy-tray"

// A hop is what a request carries in its _meta for the hop to the server alone. The
// zero value is that to a server of an older revision.
type hop struct {
	members   []byte // that each request must carry; nil for the older revisions
	level     string // of the log messages that are wanted, unless the request says it; empty: none
	passLevel bool   // the request may say it
	id        uint64 // of the request, for a progress token of ours; 0: the caller's own
}

// hopMeta returns the members that each request to a server of that revision
// must carry in its _meta; nothing for the older ones. They end with the
// capabilities, which are none.
func hopMeta(protocol, version string) []byte {
	if protocol < firstModern {
		return nil
	}
	v, _ := json.Marshal(version)
	return fmt.Appendf(nil, `%q:%q,%q:{"name":%q,"version":%s},%q:{}`,
		metaProtocol, protocol, metaClient, clientName, v, metaCapabilities)
}

// withCapabilities returns members, which hopMeta made, with capabilities of a client.
func withCapabilities(members []byte, caps json.RawMessage) []byte {
	head := bytes.TrimSuffix(members, []byte("{}"))
	return append(append(make([]byte, 0, len(head)+len(caps)), head...), caps...)
}

// rewriteParams is hop.rewrite for what carries no progress token.
func rewriteParams(params json.RawMessage, ours []byte) (json.RawMessage, error) {
	out, _, err := hop{members: ours}.rewrite(params)
	return out, err
}

// rewrite replaces the reserved keys of params' _meta by ours and leaves every
// other byte as it is. Empty params stay empty if we have nothing to say. token is
// the caller's progress token; nil if there is none.
func (h hop) rewrite(params json.RawMessage) (out, token json.RawMessage, err error) {
	if len(params) == 0 {
		if h.members == nil {
			return nil, nil, nil
		}
		return bytes.Join([][]byte{[]byte(`{"_meta":{`), h.all(), []byte(`}}`)}, nil), nil, nil
	}
	var metas []rawjson.Member
	members := 0
	err = rawjson.EachMember(params, func(m rawjson.Member) {
		members++
		if string(m.Key) == "_meta" {
			metas = append(metas, m)
		}
	})
	if err != nil {
		return nil, nil, fmt.Errorf("params: %w", err)
	}
	if len(metas) == 0 {
		if h.members == nil {
			return rawjson.OneLine(params), nil, nil
		}
		return insertMeta(params, h.all(), members > 0), nil, nil
	}
	from := 0
	for _, m := range metas {
		meta, given, err := h.rewriteMeta(m.Value)
		if err != nil {
			return nil, nil, err
		}
		token = given
		out = append(append(out, params[from:m.ValueStart]...), meta...)
		from = m.End
	}
	return rawjson.OneLine(append(out, params[from:]...)), token, nil
}

// all returns the members with the level of log messages.
func (h hop) all() []byte {
	if h.level == "" {
		return h.members
	}
	level, _ := json.Marshal(h.level) // a string always can
	return fmt.Appendf(bytes.Clone(h.members), `,%q:%s`, metaLogLevel, level)
}

func insertMeta(params, ours []byte, comma bool) json.RawMessage {
	i := bytes.IndexByte(params, '{') + 1
	out := make([]byte, 0, len(params)+len(ours)+12)
	out = append(append(out, params[:i]...), `"_meta":{`...)
	out = append(append(out, ours...), '}')
	if comma {
		out = append(out, ',')
	}
	return rawjson.OneLine(append(out, params[i:]...))
}

// rewriteMeta returns meta with ours first and without the client's reserved keys.
func (h hop) rewriteMeta(meta []byte) (out []byte, token json.RawMessage, err error) {
	if len(meta) == 0 || meta[0] != '{' { // null, say: there is nothing to keep of it where something has to be said
		if h.members == nil {
			return meta, nil, nil
		}
		meta = []byte("{}")
	}
	if h.passLevel = h.passLevel && member(meta, metaLogLevel) != nil; h.passLevel {
		h.level = ""
	}
	out = []byte{'{'}
	if h.members != nil {
		out = append(out, h.all()...)
	}
	changed := h.members != nil
	err = rawjson.EachMember(meta, func(m rawjson.Member) {
		whole := m.Whole
		switch key := string(m.Key); {
		case key == metaLogLevel && h.passLevel:
		case key == metaProtocol, key == metaClient, key == metaCapabilities, key == metaLogLevel, key == metaSubscription:
			changed = true
			return
		case key == "progressToken":
			token = bytes.Clone(m.Value)
			if h.id != 0 {
				changed = true
				whole = fmt.Appendf(bytes.Clone(whole[:len(whole)-len(m.Value)]), `"r%d"`, h.id)
			}
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, whole...)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("_meta is not an object: %w", err)
	}
	if !changed {
		return meta, token, nil
	}
	return append(out, '}'), token, nil
}

// callers is what some client may be able to do; unable says what the one that is
// asked cannot.
const callers = `{"roots":{},"sampling":{"context":{},"tools":{}},"elicitation":{"form":{},"url":{}}}`

// withCallers returns the params of initialize with those capabilities: it is sent
// before anybody calls. From 2026-07-28 on each request has its caller's own.
func withCallers(params json.RawMessage) json.RawMessage {
	for m := range rawjson.Members(params) {
		if string(m.Key) == "capabilities" {
			return bytes.Join([][]byte{params[:m.ValueStart], []byte(callers), params[m.End:]}, nil)
		}
	}
	return params
}
