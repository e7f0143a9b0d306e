package httpapi

import (
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
