package main

import (
	"slices"
	"testing"

	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/tray/notify"
)

// TestEveryKindOfNewsCanBeSwitchedOff: the configuration and who notifies name the same.
func TestEveryKindOfNewsCanBeSwitchedOff(t *testing.T) {
	if !slices.Equal(config.NoticeKinds, notify.Kinds()) {
		t.Errorf("the configuration knows %q, not %q", config.NoticeKinds, notify.Kinds())
	}
}
