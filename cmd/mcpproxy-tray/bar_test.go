package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestBars prints one line for all servers, as the bars read it: Waybar takes JSON whose
// tooltip is Pango markup, Polybar takes the line as it is.
func TestBars(t *testing.T) {
	one := func(name, state, problem string) server {
		s := server{Name: name, State: state, Enabled: state != "disabled"}
		s.Problem.Text = problem
		return s
	}
	up, off, leaving := one("a", "connected", ""), one("z", "disabled", ""), one("y", "connected", "")
	leaving.Enabled = false // it was switched off just now
	for _, tt := range []struct {
		servers              []server
		text, tooltip, class string
	}{
		{nil, "MCP off", "", "off"},
		{[]server{}, "MCP 0/0", "", "ok"},
		{[]server{up, off}, "MCP 1/1", "a: connected\nz: disabled", "ok"},
		{[]server{up, leaving}, "MCP 1/1", "a: connected\ny: connected", "ok"},
		{[]server{up, one("b", "backoff", "It ended.")}, "MCP 1/2", "a: connected\nb: backoff, It ended.", "busy"},
		{[]server{one("b", "connecting", ""), one("c", "quarantined", ""), up}, "MCP 1/3 !", "b: connecting\nc: quarantined\na: connected", "attention"},
		{[]server{one("b", "auth_required", "")}, "MCP 0/1 !", "b: auth_required", "attention"},
		{[]server{one("<b>&", "failed", "a <i>\nb\x1b[31m")}, "MCP 0/1 !", "&lt;b&gt;&amp;: failed, a &lt;i&gt; b [31m", "attention"},
	} {
		var way, poly strings.Builder
		if err := bars["waybar"](&way, tt.servers); err != nil {
			t.Error(err)
		}
		if err := bars["polybar"](&poly, tt.servers); err != nil {
			t.Error(err)
		}
		var got struct{ Text, Tooltip, Class string }
		if err := json.Unmarshal([]byte(way.String()), &got); err != nil || strings.Count(way.String(), "\n") != 1 {
			t.Errorf("%q: %v", way.String(), err)
		}
		if got.Text != tt.text || got.Tooltip != tt.tooltip || got.Class != tt.class || poly.String() != tt.text+"\n" {
			t.Errorf("waybar %+v, polybar %q, want %q, %q, %q", got, poly.String(), tt.text, tt.tooltip, tt.class)
		}
	}
}
