package httpapi

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"mcpproxy-tray/internal/core/question"
)

const asked = `{"message":"Who <b>are</b> you?","requestedSchema":{"type":"object","required":["name"],"properties":{
 "name":{"type":"string","title":"Your \"name\"","maxLength":9},"n":{"type":"integer","default":7},"ok":{"type":"boolean"},
 "color":{"type":"string","enum":["r","g"],"enumNames":["red","<green>"]},"tags":{"type":"array","items":{"type":"string","enum":["a&b","c"]}}}}}`

// newDesk returns a server with a desk, and what puts a question on it.
func newDesk(t *testing.T) (s *Server, put func(params string) (id string, answer <-chan string)) {
	desk := question.NewDesk(func() time.Duration { return time.Minute }, func() bool { return true })
	s, _ = newTest(func(o *Options) { o.Desk = desk })
	return s, func(params string) (string, <-chan string) {
		t.Helper()
		changed, done := desk.Changed(), make(chan string, 1)
		go func() {
			result, rpcErr, err := desk.Ask(t.Context(), `lin<ear`, json.RawMessage(params))
			done <- fmt.Sprint(string(result), string(rpcErr), err)
		}()
		select {
		case <-changed:
		case got := <-done:
			t.Fatal(got)
		}
		all := desk.Open()
		return all[len(all)-1].ID, done
	}
}

// postForm sends a form of the page as a browser does.
func postForm(t *testing.T, s *Server, path, cookie, origin string, form url.Values) (status int, body string) {
	t.Helper()
	text := form.Encode()
	res := ask(t, s, fmt.Sprintf("POST %s HTTP/1.1\nHost: 127.0.0.1:7420\nOrigin: %s\nSec-Fetch-Site: same-origin\n%s\nContent-Type: application/x-www-form-urlencoded\nContent-Length: %d\n\n%s",
		path, origin, cookie, len(text), text))
	return res.StatusCode, bodyOf(t, res)
}

func TestQuestionOnThePage(t *testing.T) {
	s, put := newDesk(t)
	id, answer := put(asked)
	cookie := letIn(t, s)
	const own = "http://127.0.0.1:7420"
	page := bodyOf(t, browse(t, s, "/", cookie))
	for _, want := range []string{
		`<form method="post" action="/questions/` + id + `"`, `<bdi>lin&lt;ear</bdi> asks`, `Who &lt;b&gt;are&lt;/b&gt; you?`, `Your &#34;name&#34; *`,
		`value="7"`, `<option value="g">&lt;green&gt;</option>`, `value="a&amp;b"`, `name="action" value="decline"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s\n%s", want, page)
		}
	}
	form := url.Values{"action": {"accept"}, "field0": {"too long a \"name"}, "field1": {"x"}, "field3": {"g"}, "field4": {"a&b", "c"}}
	if status, _ := postForm(t, s, "/questions/"+id, "X-No: cookie", own, form); status != 401 && status != 403 {
		t.Errorf("without the cookie: %d", status)
	}
	if status, _ := postForm(t, s, "/questions/"+id, cookie, "http://evil.example", form); status != 403 {
		t.Errorf("from another site: %d", status)
	}
	status, body := postForm(t, s, "/questions/"+id, cookie, own, form)
	for _, want := range []string{"Write at most 9 characters.", "Write a number.", `value="too long a &#34;name"`, `<option value="g" selected>`, `value="c" checked`, "Not sent yet"} {
		if status != 422 || !strings.Contains(body, want) {
			t.Errorf("a wrong answer: %d, lacks %s", status, want)
		}
	}
	form["field0"], form["field1"] = []string{"Jo"}, []string{"8"}
	if status, body = postForm(t, s, "/questions/"+id, cookie, own, form); status != 303 {
		t.Errorf("a right answer: %d %s", status, body)
	}
	if got, want := <-answer, `{"action":"accept","content":{"name":"Jo","n":8,"ok":false,"color":"g","tags":["a\u0026b","c"]}}<nil>`; got != want {
		t.Errorf("the server got %s, want %s", got, want)
	}
	if status, body = postForm(t, s, "/questions/"+id, cookie, own, form); status != 404 || !strings.Contains(body, "nothing was sent") {
		t.Errorf("a second answer: %d", status)
	}
	id, answer = put(asked)
	if status, _ = postForm(t, s, "/questions/"+id, cookie, own, url.Values{"action": {"decline"}}); status != 303 || <-answer != `{"action":"decline"}<nil>` {
		t.Errorf("declining: %d", status)
	}
	for _, body := range []string{"%zz", "action=accept&" + strings.Repeat("x", maxFormBytes)} {
		res := ask(t, s, fmt.Sprintf("POST %s HTTP/1.1\nHost: 127.0.0.1:7420\n%s\nContent-Type: application/x-www-form-urlencoded\nContent-Length: %d\n\n%s", "/questions/"+id, cookie, len(body), body))
		wantError(t, "a form that is none", res, 400, "MPT-HTTP-BODY")
	}
	wantError(t, "JSON for a form", ask(t, s, "POST /questions/x HTTP/1.1\nHost: 127.0.0.1:7420\n"+cookie+"\nContent-Type: application/json\nContent-Length: 2\n\n{}"), 415, "MPT-HTTP-FORM")
}

// TestLabelsOfTwoQuestions: a label belongs to the field of its own question.
func TestLabelsOfTwoQuestions(t *testing.T) {
	s, put := newDesk(t)
	put(asked)
	put(asked)
	page := bodyOf(t, browse(t, s, "/", letIn(t, s)))
	count := map[string]int{}
	for _, id := range regexp.MustCompile(`<(?:input|select) id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		count[id[1]]++
	}
	if len(count) != 6 { // text, number and choice of both
		t.Errorf("ids %v, want 6 different ones\n%s", count, page)
	}
	for id := range count {
		if strings.Count(page, `<label for="`+id+`"`) != 1 {
			t.Errorf("there is not one label for %q", id)
		}
	}
}

func TestURLQuestionOnThePage(t *testing.T) {
	s, put := newDesk(t)
	id, answer := put(`{"mode":"url","message":"Pay","url":"https://pay.example.org/a?b=\"><script>","elicitationId":"1"}`)
	cookie := letIn(t, s)
	page := bodyOf(t, browse(t, s, "/", cookie))
	if !strings.Contains(page, "<strong>pay.example.org</strong>") || strings.Contains(page, "<script>") || !strings.Contains(page, `rel="noopener noreferrer"`) {
		t.Error(page)
	}
	if status, _ := postForm(t, s, "/questions/"+id, cookie, "http://127.0.0.1:7420", url.Values{"action": {"accept"}}); status != 303 || <-answer != `{"action":"accept"}<nil>` {
		t.Errorf("accepting: %d", status)
	}
}

func TestQuestionsOverTheAPI(t *testing.T) {
	s, put := newDesk(t)
	id, answer := put(asked)
	admin := "Authorization: Bearer " + adminToken
	list := bodyOf(t, ask(t, s, "GET /api/v1/questions HTTP/1.1\nHost: 127.0.0.1:7420\n"+admin+"\n\n"))
	for _, want := range []string{`"id":"` + id + `"`, `"kind":"choice"`, `{"value":"g","title":"\u003cgreen\u003e"}`, `"default":["7"]`, `"until":"`} {
		if !strings.Contains(list, want) {
			t.Errorf("the list lacks %s: %s", want, list)
		}
	}
	wantError(t, "with the clients' token", ask(t, s, "GET /api/v1/questions HTTP/1.1\nHost: 127.0.0.1:7420\nAuthorization: Bearer "+clientToken+"\n\n"), 403, "MPT-HTTP-SCOPE")
	post := func(id, body string) string {
		return fmt.Sprintf("POST /api/v1/questions/%s HTTP/1.1\nHost: 127.0.0.1:7420\n%s\nContent-Type: application/json\nContent-Length: %d\n\n%s", id, admin, len(body), body)
	}
	for body, want := range map[string]string{
		`{}`: "MPT-HTTP-BODY", `[]`: "MPT-HTTP-BODY", `{"action":"agree"}`: "MPT-HTTP-BODY", `{"action":"accept","content":[]}`: "MPT-HTTP-BODY", `{"action":"decline","x":1}`: "MPT-HTTP-BODY",
		`{"action":"accept","content":{"name":{}}}`: "MPT-HTTP-BODY",
	} {
		wantError(t, body, ask(t, s, post(id, body)), 400, want)
	}
	wantError(t, "what does not fit", ask(t, s, post(id, `{"action":"accept","content":{"n":1.5,"y":1}}`)), 422, "MPT-ANSWER")
	wantError(t, "no such question", ask(t, s, post("nothing", `{"action":"decline"}`)), 404, "MPT-QUESTION-UNKNOWN")
	if res := ask(t, s, post(id, `{"action":"accept","content":{"name":"Jo","n":12345678901234567890,"ok":true,"tags":["c"]}}`)); res.StatusCode != 200 {
		t.Errorf("answering: %d %s", res.StatusCode, bodyOf(t, res))
	}
	if got := <-answer; got != `{"action":"accept","content":{"name":"Jo","n":12345678901234567890,"ok":true,"tags":["c"]}}<nil>` {
		t.Error(got)
	}
	none, _ := newTest()
	if got := bodyOf(t, ask(t, none, "GET /api/v1/questions HTTP/1.1\nHost: 127.0.0.1:7420\n"+admin+"\n\n")); strings.TrimSpace(got) != `{"questions":[]}` {
		t.Errorf("without a desk: %s", got)
	}
	wantError(t, "without a desk", ask(t, none, post(id, `{"action":"decline"}`)), 404, "MPT-QUESTION-UNKNOWN")
}
