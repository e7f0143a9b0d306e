package config

import (
	"strings"
	"testing"
	"time"
)

func TestHistorySettings(t *testing.T) {
	cfg, err := Parse([]byte(`{"history": {"enabled": false, "max_mb": 20, "max_age": "48h", "payloads": true, "payload_kb": 8}}`))
	want := History{MaxBytes: 20 << 20, MaxAge: 48 * time.Hour, Payloads: true, PayloadBytes: 8 << 10}
	if err != nil || cfg.History != want {
		t.Errorf("history = %+v, %v, want %+v", cfg, err, want)
	}
	if cfg.Equal(Fallback()) {
		t.Error("another history is no other configuration")
	}
	if cfg, err := Parse([]byte(`{"history": {"max_bm": 1}}`)); err != nil || cfg.History != Fallback().History || len(cfg.Warnings) != 1 {
		t.Errorf("an unknown key: %+v, %v", cfg, err)
	}
	for text, wrong := range map[string]string{
		`true`:                               "must be an object",
		`{"max_mb": 9}`:                      `"max_mb" cannot be 9`,
		`{"max_mb": 10001}`:                  `"max_mb" cannot be 10001`,
		`{"max_mb": 99999999999999999999}`:   "cannot be",
		`{"max_mb": 10.5}`:                   "cannot be",
		`{"max_mb": "20"}`:                   "must be a number",
		`{"payload_kb": 0}`:                  "cannot be 0",
		`{"max_age": "1s"}`:                  "too short",
		`{"max_age": 90}`:                    "must be a time",
		`{"payloads": 1}`:                    "must be true or false",
		`{"enabled": true, "enabled": true}`: "appears twice",
	} {
		if _, err := Parse([]byte(`{"history": ` + text + `}`)); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: %v, want %q", text, err, wrong)
		}
	}
}
