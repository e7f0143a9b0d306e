package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"

	"mcpproxy-tray/internal/stateview"
)

// A toolJSON is a tool as its server defines it, held ones included: who may read
// this is who approves them.
type toolJSON struct {
	Name        string          `json:"name"`
	Held        bool            `json:"held"`
	Title       string          `json:"title,omitempty"`
	Description string          `json:"description,omitempty"`
	Definition  json.RawMessage `json:"definition,omitempty"` // where one tool is asked for
}

type serverToolsJSON struct {
	Version uint64     `json:"version"`
	Server  string     `json:"server"`
	Tools   []toolJSON `json:"tools"`
}

type serverToolJSON struct {
	Version uint64   `json:"version"`
	Server  string   `json:"server"`
	Tool    toolJSON `json:"tool"`
}

func newTool(t stateview.Tool) toolJSON {
	doc := toolJSON{Name: t.Name, Held: t.Held}
	var def struct{ Title, Description string }
	if json.Unmarshal([]byte(t.Definition), &def) == nil { // else the names are all there is to show
		doc.Title, doc.Description = def.Title, def.Description
	}
	return doc
}

func (s *Server) getTools(w http.ResponseWriter, r *http.Request) {
	snap, st, ok := s.server(w, r)
	if !ok || s.unchanged(w, r, snap) {
		return
	}
	doc := serverToolsJSON{snap.Seq(), st.Name, make([]toolJSON, 0, st.Tools.Len())}
	for t := range st.Tools.All() {
		doc.Tools = append(doc.Tools, newTool(t))
	}
	writeJSON(w, http.StatusOK, doc)
}

func (s *Server) getTool(w http.ResponseWriter, r *http.Request) {
	snap, st, ok := s.server(w, r)
	if !ok {
		return
	}
	name := r.PathValue("tool")
	for t := range st.Tools.All() {
		if t.Name != name {
			continue
		}
		if s.unchanged(w, r, snap) {
			return
		}
		doc := newTool(t)
		if json.Valid([]byte(t.Definition)) {
			doc.Definition = json.RawMessage(t.Definition)
		}
		writeJSON(w, http.StatusOK, serverToolJSON{snap.Seq(), st.Name, doc})
		return
	}
	refuse(w, r, &apiError{404, "MPT-TOOL-UNKNOWN", fmt.Sprintf("The server %q has no tool %q now.", st.Name, name),
		"GET /api/v1/servers/{name}/tools lists its tools; a server has some only while it is connected."})
}
