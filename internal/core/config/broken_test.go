package config

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// embed puts a fragment into the places of a configuration where any value may stand.
func embed(f fragment) map[string]string {
	if f.alone {
		return nil
	}
	return map[string]string{
		"setting": `{"x": ` + f.text + `, "mcpServers": {"b": {"command": "y"}}}`,
		"entry":   `{"mcpServers": {"a": {"command": "x", "zz": ` + f.text + `}, "b": {"command": "y"}}}`,
		"commented list": "{ // head\n\t\"mcpServers\": [ {\"name\": \"a\", /* c */ \"command\": \"x\", \"zz\": /* c */ " + f.text +
			" // tail\n , }, {\"name\": \"b\", \"command\": \"y\"}, ],\n}\n// end",
	}
}

// wantRefusal fails unless err says where it is and what to do, in words for people.
func wantRefusal(t *testing.T, what string, err error) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || !errors.Is(err, ErrInvalid) {
		t.Errorf("%s: %v, want a refusal", what, err)
		return
	}
	nowhere := strings.HasPrefix(e.Text, "The file is empty") || strings.HasPrefix(e.Text, "The file is UTF-16")
	if e.Text == "" || e.Hint == "" || !nowhere && (e.Line < 1 || e.Column < 1) || strings.Contains(e.Text, "hujson") || hidden(e.Text) {
		t.Errorf("%s: refused with %d:%d %q, hint %q", what, e.Line, e.Column, e.Text, e.Hint)
	}
}

// TestSuiteIsRight holds the labels of the suite against an independent parser.
func TestSuiteIsRight(t *testing.T) {
	names, count := map[string]bool{}, map[byte]int{}
	for _, f := range suite() {
		if names[f.name] {
			t.Errorf("%s is there twice", f.name)
		}
		names[f.name] = true
		count[f.name[0]]++
		ours := strings.Contains(f.name, "comment") || strings.Contains(f.name, "trailing_comma")
		if strict := json.Valid([]byte(f.text)); f.name[0] == 'n' && strict || f.name[0] == 'y' && !strict && !ours {
			t.Errorf("%s: encoding/json says valid = %v", f.name, strict)
		}
	}
	if len(names) != 318 || count['y'] < 90 || count['n'] < 180 || count['i'] < 30 {
		t.Errorf("%d fragments: %d y, %d n, %d i", len(names), count['y'], count['n'], count['i'])
	}
}

// TestSuiteAsFile: each fragment as the whole file.
func TestSuiteAsFile(t *testing.T) {
	for _, f := range suite() {
		cfg, err := Parse([]byte(f.text))
		switch {
		case err != nil:
			wantRefusal(t, f.name, err)
		case f.name[0] == 'n':
			t.Errorf("%s: %.60q was accepted", f.name, f.text)
		}
		if f.name[0] != 'y' {
			continue
		}
		isObject := err == nil
		if !isObject && !strings.Contains(err.Error(), "must be an object in braces") {
			t.Errorf("%s: %v", f.name, err)
		}
		if isObject != strings.HasPrefix(f.text, "{") || isObject && len(cfg.Servers) != 0 {
			t.Errorf("%s: %.60q gives %v, %v", f.name, f.text, cfg, err)
		}
	}
}

// TestSuiteWithinFile: each fragment as a value that has no meaning. It harms
// nothing when it is valid, and the whole file is refused when it is not.
func TestSuiteWithinFile(t *testing.T) {
	tried := 0
	for _, f := range suite() {
		for place, text := range embed(f) {
			tried++
			what := f.name + " in " + place
			cfg, err := Parse([]byte(text))
			switch {
			case err != nil && f.name[0] == 'y':
				t.Errorf("%s: %v", what, err)
			case err != nil:
				wantRefusal(t, what, err)
			case f.name[0] == 'n':
				t.Errorf("%s: %.90q was accepted", what, text)
			default:
				last := cfg.Servers[len(cfg.Servers)-1]
				if last.Name != "b" || last.Command != "y" || cfg.Servers[0].Err != nil || len(cfg.Warnings) == 0 {
					t.Errorf("%s: servers %v, warnings %v", what, cfg.Servers, cfg.Warnings)
				}
			}
		}
	}
	if tried < 3*300 {
		t.Errorf("only %d files tried", tried)
	}
}

// TestSuiteIsNeverWritten edits files that hold an invalid fragment: each edit
// is refused in words and the file stays as it is, byte for byte.
func TestSuiteIsNeverWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	f := Open(path)
	for _, fr := range suite() {
		if fr.name[0] != 'n' {
			continue
		}
		text := fr.text
		if within := embed(fr)["entry"]; within != "" {
			text = within
		}
		write(t, path, []byte(text))
		for what, err := range map[string]error{
			"enable": f.SetEnabled("b", false), "remove": f.Remove("b"),
			"add": f.Add("new", json.RawMessage(`{"command":"x"}`)),
		} {
			wantRefusal(t, what+" in "+fr.name, err)
			if e, _ := errors.AsType[*Error](err); e != nil && !strings.Contains(e.Hint, "nothing was changed") {
				t.Errorf("%s in %s: hint %q", what, fr.name, e.Hint)
			}
		}
		if now := content(t, path); now != text {
			t.Errorf("%s: the file was changed to %.90q", fr.name, now)
		}
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// TestSuiteThroughWatch saves each invalid fragment over a good file: the watch
// yields an error and never a configuration, and the good one when it is back.
func TestSuiteThroughWatch(t *testing.T) {
	inQuietWatch(t, fileWith("good"), func(save func([]byte), results <-chan seen) {
		wantCommand(t, "start", results, "good")
		for _, fr := range suite() {
			if fr.name[0] != 'n' {
				continue
			}
			save([]byte(fr.text))
			time.Sleep(settled)
			s := next(t, fr.name, results)
			wantRefusal(t, fr.name, s.err)
			if s.cfg != nil {
				t.Errorf("%s: a configuration beside the error", fr.name)
			}
			save(fileWith("good"))
			time.Sleep(settled)
			wantCommand(t, fr.name+" mended", results, "good")
		}
	})
}
