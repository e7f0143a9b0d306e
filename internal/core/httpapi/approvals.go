package httpapi

import (
	"encoding/json"
	"net/http"

	"mcpproxy-tray/internal/stateview"
)

// An approvalJSON is what waits for a person: a server that is not started, or a tool that is withheld.
type approvalJSON struct {
	Server     string          `json:"server"`
	Kind       string          `json:"kind"` // "launch" or "tool"
	Launch     string          `json:"launch,omitempty"`
	LaunchID   string          `json:"launch_id,omitempty"`
	Tool       string          `json:"tool,omitempty"`
	Hash       string          `json:"hash,omitempty"`       // absent where the definition cannot be approved
	Definition json.RawMessage `json:"definition,omitempty"` // as it is now; absent where Hash is
	Approved   json.RawMessage `json:"approved,omitempty"`   // as it was approved last; absent if it never was
}

type approvalsJSON struct {
	Version uint64         `json:"version"`
	Waiting []approvalJSON `json:"waiting"`
}

// getApprovals lists what waits for a person's yes.
func (s *Server) getApprovals(w http.ResponseWriter, r *http.Request) {
	snap := s.snapshot()
	if s.unchanged(w, r, snap) {
		return
	}
	doc := approvalsJSON{Version: snap.Seq(), Waiting: []approvalJSON{}}
	for st := range snap.Servers() {
		if st.State == stateview.Quarantined {
			launch := st.Launch()
			doc.Waiting = append(doc.Waiting, approvalJSON{Server: st.Name, Kind: "launch", Launch: launch.Line, LaunchID: launch.ID})
		}
		if st.Tools.Held() == 0 {
			continue
		}
		for t := range st.Tools.All() {
			if t.Held {
				doc.Waiting = append(doc.Waiting, s.heldTool(st.Name, t))
			}
		}
	}
	writeJSON(w, http.StatusOK, doc)
}

func (s *Server) heldTool(server string, t stateview.Tool) approvalJSON {
	doc := approvalJSON{Server: server, Kind: "tool", Tool: t.Name, Hash: t.Hash}
	if t.Hash != "" && json.Valid([]byte(t.Definition)) {
		doc.Definition = json.RawMessage(t.Definition)
	}
	if s.opt.ApprovedTool != nil {
		if was := s.opt.ApprovedTool(server, t.Name); json.Valid([]byte(was)) {
			doc.Approved = json.RawMessage(was)
		}
	}
	return doc
}

// approve releases a launch.
func (s *Server) approve(w http.ResponseWriter, r *http.Request) {
	body, e := readBody(r)
	if e != nil {
		refuse(w, r, e)
		return
	}
	var id string
	var review bool
	if readMembers(body, map[string]any{"launch_id": &id, "review_tools": &review}) != nil || id == "" {
		refuse(w, r, badBody(`The body must be {"launch_id": "…"}, as the server's own document shows it; "review_tools" may be true.`))
		return
	}
	name, do := r.PathValue("name"), s.opt.Commands.Approve
	if review {
		do = s.opt.Commands.ApproveForReview
	}
	s.answer(w, r, name, http.StatusOK, do(r.Context(), name, id))
}

// maxApproved is how many tools one request may approve: more than a server has.
const maxApproved = 10_000

// approveTools releases tools of a server.
func (s *Server) approveTools(w http.ResponseWriter, r *http.Request) {
	body, e := readBody(r)
	if e != nil {
		refuse(w, r, e)
		return
	}
	var name string
	var each []json.RawMessage
	err := readMembers(body, map[string]any{"server": &name, "tools": &each})
	tools := make([]HeldTool, min(len(each), maxApproved))
	for i := range tools {
		if err == nil {
			err = readMembers(each[i], map[string]any{"tool": &tools[i].Tool, "hash": &tools[i].Hash})
		}
		if tools[i].Tool == "" || tools[i].Hash == "" {
			name = ""
		}
	}
	if err != nil || name == "" || len(tools) == 0 || len(each) > maxApproved {
		refuse(w, r, badBody(`The body must be {"server": "…", "tools": [{"tool": "…", "hash": "…"}]}, as GET shows them.`))
		return
	}
	s.answer(w, r, name, http.StatusOK, s.opt.Commands.ApproveTools(r.Context(), name, tools))
}

// readMembers reads a JSON object whose members are among those of into, each at most once.
func readMembers(object []byte, into map[string]any) error {
	all, err := members(object)
	for _, m := range all {
		to, known := into[m.name]
		if !known {
			return errUnknownMember
		}
		if err := json.Unmarshal(m.value, to); err != nil {
			return err
		}
	}
	return err
}
