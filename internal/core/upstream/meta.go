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
	metaServer       = "io.modelcontextprotocol/serverInfo"
)

// clientName is what we call ourselves towards servers.
const clientName = "mcpproxy-tray"

// hopMeta returns the members that each request to a server of that revision
// must carry in its _meta; nothing for the older ones.
func hopMeta(protocol, version string) []byte {
	if protocol < firstModern {
		return nil
	}
	v, _ := json.Marshal(version)
	return fmt.Appendf(nil, `%q:%q,%q:{"name":%q,"version":%s},%q:{}`,
		metaProtocol, protocol, metaClient, clientName, v, metaCapabilities)
}

// rewriteParams replaces the reserved keys of params' _meta by ours and leaves
// every other byte as it is. Empty params stay empty if we have nothing to say.
func rewriteParams(params json.RawMessage, ours []byte) (json.RawMessage, error) {
	if len(params) == 0 {
		if ours == nil {
			return nil, nil
		}
		return bytes.Join([][]byte{[]byte(`{"_meta":{`), ours, []byte(`}}`)}, nil), nil
	}
	var metas []rawjson.Member
	members := 0
	err := rawjson.EachMember(params, func(m rawjson.Member) {
		members++
		if string(m.Key) == "_meta" {
			metas = append(metas, m)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("params: %w", err)
	}
	if len(metas) == 0 {
		if ours == nil {
			return rawjson.OneLine(params), nil
		}
		return insertMeta(params, ours, members > 0), nil
	}
	var out []byte
	from := 0
	for _, m := range metas {
		meta, err := rewriteMeta(m.Value, ours)
		if err != nil {
			return nil, err
		}
		end := m.Start + len(m.Whole)
		out = append(append(out, params[from:end-len(m.Value)]...), meta...)
		from = end
	}
	return rawjson.OneLine(append(out, params[from:]...)), nil
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
func rewriteMeta(meta, ours []byte) ([]byte, error) {
	out := append([]byte{'{'}, ours...)
	dropped := false
	err := rawjson.EachMember(meta, func(m rawjson.Member) {
		switch string(m.Key) {
		case metaProtocol, metaClient, metaCapabilities, metaLogLevel:
			dropped = true
			return
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, m.Whole...)
	})
	if err != nil {
		return nil, fmt.Errorf("_meta is not an object: %w", err)
	}
	if !dropped && ours == nil {
		return meta, nil
	}
	return append(out, '}'), nil
}
