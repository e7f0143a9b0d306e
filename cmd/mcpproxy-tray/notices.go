package main

import (
	"context"
	"time"

	"mcpproxy-tray/internal/stateview"
	"mcpproxy-tray/internal/tray"
	"mcpproxy-tray/internal/tray/notify"
)

// notices shows the problems of the program itself in the menu, and tells of those of
// the configuration, once each, when they last: an editor may write a file in steps.
func (f *face) notices(ctx context.Context, mutes *notify.Mutes, t *tray.Tray) {
	timer := time.NewTimer(0)
	timer.Stop()
	var told, found string // texts of a problem of the configuration; empty without one
	for {
		list, changed := f.core.Problems()
		var lines []tray.Notice
		wrong := stateview.Problem{}
		for _, p := range list {
			config := p.Action == "edit_config"
			if config && wrong.IsZero() {
				wrong = p
			}
			lines = append(lines, tray.Notice{Text: p.Text, Config: config})
		}
		t.SetNotices(lines...)
		if wrong.Text != found {
			if found = wrong.Text; found == "" {
				told = ""
			}
			timer.Stop()
			if found != told && found != "" {
				timer.Reset(f.core.Config().Notifications.NeedAfter)
			}
		}
		select {
		case <-changed:
		case <-timer.C:
			told = found
			if on, quiet, _ := mutes.State(); on && !time.Now().Before(quiet) && f.core.Config().Notifications.Enabled {
				f.notifier.Show("The configuration has an error", wrong.Text+" "+wrong.Hint)
			}
		case <-ctx.Done():
			return
		}
	}
}
