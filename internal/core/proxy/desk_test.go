package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"mcpproxy-tray/internal/core/call"
)

// A user answers at the desk, or never if wait is set.
type user struct {
	away  atomic.Bool
	wait  atomic.Bool
	asked chan string // buffered
	ended chan error  // buffered: of those never answered
}

func newUser() *user { return &user{asked: make(chan string, 10), ended: make(chan error, 10)} }

func (u *user) Staffed() bool { return !u.away.Load() }

func (u *user) Ask(ctx context.Context, server string, params json.RawMessage) (result, rpcErr json.RawMessage, err error) {
	u.asked <- server + " " + string(params)
	if u.wait.Load() {
		<-ctx.Done()
		u.ended <- context.Cause(ctx)
		return nil, nil, context.Cause(ctx)
	}
	return json.RawMessage(`{"action":"accept","content":{"n":1}}`), nil, nil
}

// asking is a server that asks what its caller's arguments say and answers with what it got.
func asking(ctx context.Context, r call.Request) (json.RawMessage, json.RawMessage, error) {
	params := valueOf(r.Params, "arguments")
	if code, _ := call.Unable(r.From.Capabilities(), elicitation, params); code != 0 {
		return fmt.Appendf(nil, `{"can":%q}`, r.From.Capabilities()), nil, nil
	}
	result, rpcErr, err := r.From.Ask(ctx, elicitation, params)
	return fmt.Appendf(nil, `{"result":%q,"error":%q,"err":"%v"}`, result, rpcErr, err), nil, nil
}

const (
	formParams = `{"message":"?"}`
	urlParams  = `{"mode":"url","url":"https://example.org"}`
	fromDesk   = `"result":"{\"action\":\"accept\",\"content\":{\"n\":1}}"`
)

func askWith(arguments string) string {
	return `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"s__t","arguments":` + arguments + `}}`
}

func TestUserIsAskedInPlaceOfTheClient(t *testing.T) {
	u := newUser()
	r := start(t, upstreamFunc(asking), Options{Desk: u})
	connect(r.view, "s", plainTool("t"))
	mute, formsOnly := r.legacy(t, "/mcp"), r.greeted(t, "/mcp")
	for _, params := range []string{formParams, urlParams} {
		if _, body := mute.post(askWith(params), nil); !strings.Contains(body, fromDesk) || <-u.asked != "s "+params {
			t.Errorf("%s: %s", params, body)
		}
	}
	if _, body := formsOnly.post(askWith(urlParams), nil); !strings.Contains(body, fromDesk) || <-u.asked != "s "+urlParams {
		t.Errorf("a URL with a client that knows forms: %s", body)
	}
	e := formsOnly.stream(askWith(formParams), nil) // is asked itself
	if got := e.next(); !strings.Contains(got, `"method":"elicitation/create"`) || len(u.asked) > 0 {
		t.Errorf("a form with a client that knows forms: %s", got)
	}
	_ = e.resp.Body.Close()
	u.away.Store(true)
	if _, body := mute.post(askWith(formParams), nil); !strings.Contains(body, `{"can":"{}"}`) && !strings.Contains(body, `{"can":""}`) || len(u.asked) > 0 {
		t.Errorf("with nobody at the desk: %s", body)
	}
}

// TestQuestionAtTheDeskEndsWithItsCall: the user is not asked for what nobody wants to know any more.
func TestQuestionAtTheDeskEndsWithItsCall(t *testing.T) {
	u := newUser()
	u.wait.Store(true)
	late := make(chan struct{})
	up := upstreamFunc(func(ctx context.Context, r call.Request) (json.RawMessage, json.RawMessage, error) {
		if strings.Contains(string(r.Params), "hasty") { // answers without waiting for the user
			go func() {
				_, _, _ = r.From.Ask(context.WithoutCancel(ctx), elicitation, json.RawMessage(formParams))
				close(late)
			}()
			<-u.asked
			return json.RawMessage(`{}`), nil, nil
		}
		return asking(ctx, r)
	})
	r := start(t, up, Options{Desk: u})
	connect(r.view, "s", plainTool("t"))
	c := r.legacy(t, "/mcp")
	answered := make(chan string, 1)
	go func() {
		_, body := c.post(strings.Replace(askWith(formParams), `"id":7`, `"id":8`, 1), nil)
		answered <- body
	}()
	<-u.asked
	c.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":8}}`, nil)
	if err := <-u.ended; !errors.Is(err, errCancelled) {
		t.Errorf("a cancelled call's question: %v", err)
	}
	<-answered
	c.post(askWith(`{"hasty":1}`), nil)
	if err := <-u.ended; !errors.Is(err, errOver) {
		t.Errorf("an answered call's question: %v", err)
	}
	<-late
}

// TestInputAtTheDesk has a server of the newest revision ask in its result.
func TestInputAtTheDesk(t *testing.T) {
	u := newUser()
	up := upstreamFunc(func(_ context.Context, r call.Request) (json.RawMessage, json.RawMessage, error) {
		if answers := valueOf(r.Params, "inputResponses"); answers != nil {
			return fmt.Appendf(nil, `{"got":%s,"state":%s}`, answers, valueOf(r.Params, "requestState")), nil, nil
		}
		if code, _ := call.Unable(r.From.Capabilities(), elicitation, nil); code != 0 {
			return json.RawMessage(`{"can":"nothing"}`), nil, nil
		}
		return json.RawMessage(`{"resultType":"input_required","inputRequests":{"a":{"method":"elicitation/create","params":` + formParams + `}},"requestState":"st"}`), nil, nil
	})
	r := start(t, up, Options{Desk: u})
	connect(r.view, "s", plainTool("t"))
	const want = `{"a":{"action":"accept","content":{"n":1}}}`
	modern := func(can string) string {
		meta := strings.Replace(modernMeta, `"io.modelcontextprotocol/clientCapabilities":{}`, `"io.modelcontextprotocol/clientCapabilities":`+can, 1)
		if can != "{}" && meta == modernMeta {
			t.Fatal("the capabilities were not replaced")
		}
		return `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{` + meta + `,"name":"s__t"}}`
	}
	h := map[string]string{"Mcp-Method": "tools/call", "Mcp-Name": "s__t"}
	for name, body := range map[string]string{
		"older": first(r.legacy(t, "/mcp").post(askWith("{}"), nil)), "newest": first(r.modern(t, "/mcp").post(modern("{}"), h)),
		"newest, with roots": first(r.modern(t, "/mcp").post(modern(`{"roots":{}}`), h)),
	} {
		if !strings.Contains(body, `"got":`+want) || <-u.asked != "s "+formParams {
			t.Errorf("%s: %s", name, body)
		}
	}
	_, body := r.modern(t, "/mcp").post(modern(`{"elicitation":{}}`), h) // is asked itself
	if !strings.Contains(body, `"resultType":"input_required"`) {
		t.Errorf("newest, with elicitation: %s", body)
	}
	if len(u.asked) > 0 {
		// It cannot be asked by URL, but that is not what was wanted.
		t.Errorf("the user was asked %s", <-u.asked)
	}
}

func first(_ *http.Response, body string) string { return body }
