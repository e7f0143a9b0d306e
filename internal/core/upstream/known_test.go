package upstream

import (
	"slices"
	"testing"

	"mcpproxy-tray/internal/core/config"
)

func TestSecretsOfAnEntry(t *testing.T) {
	lookup := func(name string) (string, bool) {
		return map[string]string{"GH": "from-the-environment"}[name], name == "GH"
	}
	got := Secrets(config.Server{Name: "s", Command: "x", Env: map[string]string{"API_TOKEN": "in-the-entry", "PLACE": "${env:GH}", "MODE": "production"}}, lookup)
	for secret, want := range map[string]bool{"in-the-entry": true, "from-the-environment": true, "production": false} {
		if slices.Contains(got, secret) != want {
			t.Errorf("%q is among the secrets: %t, want %t", secret, !want, want)
		}
	}
	got = Secrets(config.Server{Name: "s", URL: "https://example.com", Headers: map[string]string{"Authorization": "Bearer ${env:GH}", "X": "${env:MISSING}"}}, lookup)
	if !slices.Contains(got, "from-the-environment") {
		t.Errorf("of an entry that lacks a variable: %q", got)
	}
}
