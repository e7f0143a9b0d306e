package httpapi

import (
	"crypto/rand"
	"strconv"
	"sync/atomic"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// A serverJSON is a server as the API spells it.
type serverJSON struct {
	Name      string          `json:"name"`
	State     stateview.State `json:"state"`
	Enabled   bool            `json:"enabled"`
	Since     time.Time       `json:"since,omitzero"`
	Attempt   int             `json:"attempt,omitempty"`
	RetryAt   time.Time       `json:"retry_at,omitzero"`
	Transport string          `json:"transport,omitempty"`
	Protocol  string          `json:"protocol,omitempty"`
	PID       int32           `json:"pid,omitempty"`
	Tools     toolsJSON       `json:"tools"`
	Problem   *problemJSON    `json:"problem,omitempty"`
	Version   uint64          `json:"version"`
}

type toolsJSON struct {
	Total    int `json:"total"`
	Approved int `json:"approved"`
	Held     int `json:"held"`
}

type problemJSON struct {
	Code   string `json:"code,omitempty"`
	Text   string `json:"text"`
	Hint   string `json:"hint,omitempty"`
	Action string `json:"action,omitempty"`
}

// A detailJSON is a server with what its approval is about.
type detailJSON struct {
	serverJSON
	Launch   string `json:"launch,omitempty"`
	LaunchID string `json:"launch_id,omitempty"`
}

type serversJSON struct {
	Version uint64       `json:"version"`
	Servers []serverJSON `json:"servers"`
}

func newServer(st *stateview.ServerStatus) serverJSON {
	return serverJSON{
		Name: st.Name, State: st.State, Enabled: st.Enabled, Since: st.Since, Attempt: st.Attempt, RetryAt: st.RetryAt,
		Transport: st.Transport.String(), Protocol: st.Protocol, PID: st.PID,
		Tools:   toolsJSON{st.Tools.Len(), st.Tools.Approved(), st.Tools.Held()},
		Problem: newProblem(st.Problem()), Version: st.Version,
	}
}

func newProblem(p stateview.Problem) *problemJSON {
	if p.IsZero() {
		return nil
	}
	return &problemJSON{p.Code, p.Text, p.Hint, p.Action}
}

// A cache holds the encoding of the newest snapshot that was asked for.
// Requests for the same version share it.
type cache struct {
	run string // differs from one start of the program to the next, as its versions begin anew
	cur atomic.Pointer[encoded]
}

type encoded struct {
	snap *stateview.Snapshot
	body []byte // of GET /api/v1/servers; nobody changes it
}

// newRun returns what tells this start of the program from others.
func newRun() string { return rand.Text()[:8] }

// tag returns the ETag of a snapshot.
func (c *cache) tag(snap *stateview.Snapshot) string {
	return `"` + c.run + "-" + strconv.FormatUint(snap.Seq(), 10) + `"`
}

// servers returns the document of all servers. Two callers that miss at once
// both encode; either result may stay.
func (c *cache) servers(snap *stateview.Snapshot) []byte {
	if e := c.cur.Load(); e != nil && e.snap == snap {
		return e.body
	}
	doc := serversJSON{Version: snap.Seq(), Servers: make([]serverJSON, 0, snap.Count())}
	for st := range snap.Servers() {
		doc.Servers = append(doc.Servers, newServer(&st))
	}
	body := marshal(doc)
	c.cur.Store(&encoded{snap, body})
	return body
}
