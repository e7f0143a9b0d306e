package core_test

import (
	"errors"
	"slices"
	"strings"
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
	for i, text := range []string{"http://127.0.0.1:9/mcp", "http://127.0.0.1:9/other", "```json\n{\"url\": \"http://127.0.0.1:8/mcp\"}\n```"} {
		want := []string{"127.0.0.1", "127.0.0.1-2", "127.0.0.1-3"}[i]
		if names, err := c.AddText(t.Context(), text); !slices.Equal(names, []string{want}) || err != nil {
			t.Errorf("added %v, %v, want %s: nobody chose the name", names, err, want)
		}
	}
	if names, err := c.AddText(t.Context(), "http://127.0.0.1:9/other"); len(names) > 0 || !errors.Is(err, httpapi.ErrExists) {
		t.Errorf("what is there was added again: %v, %v", names, err)
	}
	if _, err := c.AddText(t.Context(), `{"command": "x", "url": "http://x"}`); err == nil || strings.Contains(err.Error(), "config.json") {
		t.Errorf("the file is blamed for the text: %v", err)
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
