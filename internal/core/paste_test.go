package core_test

import (
	"errors"
	"slices"
	"testing"

	"mcpproxy-tray/internal/core/httpapi"
	"mcpproxy-tray/internal/stateview"
)

func TestAddedTextIsQuarantined(t *testing.T) {
	c, _ := open(t, homeDirs(t, `{"mcpServers": {"a": {"command": "x", "disabled": true}}}`))
	names, err := c.AddText(t.Context(), `{"mcpServers": {"a": {"command": "y"}, "b": {"command": "sh", "args": ["-c", "exit"]}}}`)
	if !slices.Equal(names, []string{"b"}) || !errors.Is(err, httpapi.ErrExists) {
		t.Errorf("added %v, %v, want b and that there is an a", names, err)
	}
	if st, _ := c.StateView().GetServer("b"); st.State != stateview.Quarantined {
		t.Errorf("b is %v, want quarantined", st.State)
	}
	_, err = c.AddText(t.Context(), "what I copied last")
	e, ok := errors.AsType[interface {
		error
		Problem() stateview.Problem
	}](err)
	if !ok || e.Problem().Text == "" {
		t.Errorf("a text about nothing: %v", err)
	}
}
