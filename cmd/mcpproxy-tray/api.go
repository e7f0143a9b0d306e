package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mcpproxy-tray/internal/core"
)

// answerTime is how long the running instance may take for one answer. It
// answers from memory; only a command that writes a file takes longer.
const answerTime = 10 * time.Second

// An api talks to the running instance.
type api struct {
	base  string // http://127.0.0.1:PORT
	token string
}

// errNoInstance says that no instance runs for these directories.
var errNoInstance = &failure{exitNoInstance, "no instance of mcpproxy-tray is running", "Start it with: mcpproxy-tray"}

// connect finds the running instance, or returns errNoInstance. One that was not
// meant, by its configuration file or its address, is a failure.
func (o *options) connect() (*api, error) {
	dirs, err := o.dirs()
	if err != nil {
		return nil, err
	}
	inst, err := core.FindInstance(dirs)
	if errors.Is(err, core.ErrNoInstance) {
		return nil, errNoInstance
	}
	if err != nil {
		return nil, &failure{exitFailed, err.Error(), ""}
	}
	if err := o.means(inst); err != nil {
		return nil, err
	}
	token, err := os.ReadFile(dirs.AdminToken())
	if err != nil {
		return nil, &failure{exitFailed, "the token of the running instance cannot be read",
			"Run this as the user who started mcpproxy-tray."}
	}
	return &api{base: inst.URL, token: strings.TrimSpace(string(token))}, nil
}

// means fails if --config or --listen are not what the running instance has.
func (o *options) means(inst core.Instance) error {
	if o.config != "" && !sameFile(o.config, inst.Config) {
		return &failure{exitFailed, fmt.Sprintf("the running instance (process %d) uses the configuration %s, not %s", inst.PID, inst.Config, o.config),
			"Leave --config out, or quit that instance first. MCPPROXY_TRAY_HOME=DIR gives another one a place of its own."}
	}
	u, err := url.Parse(inst.URL)
	if o.listen == "" || err != nil {
		return nil
	}
	if _, port, err := net.SplitHostPort(o.listen); err != nil || port != "0" && port != u.Port() {
		return &failure{exitFailed, fmt.Sprintf("the running instance (process %d) listens on %s, not on %s", inst.PID, u.Host, o.listen),
			"Leave --listen out, or quit that instance first."}
	}
	return nil
}

func sameFile(a, b string) bool {
	if abs, err := filepath.Abs(a); err == nil && abs == b {
		return true
	}
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// page returns a link to the status page.
func (a *api) page(ctx context.Context) (string, error) {
	data, err := a.do(ctx, http.MethodPost, "/api/v1/page", nil)
	if err != nil {
		return "", err
	}
	var doc struct {
		URL string `json:"url"`
	}
	if json.Unmarshal(data, &doc) != nil || doc.URL == "" {
		return "", a.unreachable()
	}
	return doc.URL, nil
}

// do sends a request and returns the body of a 2xx answer; any other answer
// becomes a failure in the instance's own words.
func (a *api) do(ctx context.Context, method, path string, body any) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	resp, err := a.send(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, a.unreachable()
	}
	if resp.StatusCode/100 != 2 {
		return nil, refusal(resp.StatusCode, data)
	}
	return data, nil
}

// send leaves the body and the time limit to the caller.
func (a *api) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var payload io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		payload = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, payload)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		if ctx.Err() != nil && errors.Is(context.Cause(ctx), context.Canceled) {
			return nil, context.Canceled
		}
		return nil, a.unreachable()
	}
	return resp, nil
}

func (a *api) unreachable() error {
	return &failure{exitFailed, "the running instance at " + a.base + " does not answer",
		"See its log, or stop it and start it again."}
}

// refusal words an error answer of the API.
func refusal(status int, body []byte) error {
	var doc struct {
		Error struct{ Code, Text, Hint string }
	}
	if json.Unmarshal(body, &doc) != nil || doc.Error.Text == "" {
		return &failure{exitFailed, fmt.Sprintf("the running instance refused (HTTP %d)", status), ""}
	}
	return &failure{exitFailed, doc.Error.Text, doc.Error.Hint}
}

func serverPath(name, verb string) string {
	p := "/api/v1/servers/" + url.PathEscape(name)
	if verb != "" {
		p += "/" + verb
	}
	return p
}

// A server is one server as the API words it.
type server struct {
	Name      string    `json:"name"`
	State     string    `json:"state"`
	Enabled   bool      `json:"enabled"`
	Since     time.Time `json:"since,omitzero"`
	RetryAt   time.Time `json:"retry_at,omitzero"`
	Transport string    `json:"transport,omitempty"`
	Tools     struct {
		Total    int `json:"total"`
		Approved int `json:"approved"`
	} `json:"tools"`
	Problem struct {
		Code string `json:"code"`
		Text string `json:"text"`
		Hint string `json:"hint"`
	} `json:"problem,omitzero"`
	Launch   string `json:"launch,omitempty"`
	LaunchID string `json:"launch_id,omitempty"`
}

// A serverList is the document of /api/v1/servers.
type serverList struct {
	Version uint64   `json:"version"`
	Servers []server `json:"servers"`
}
