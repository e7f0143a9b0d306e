package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"mcpproxy-tray/internal/core/question"
)

// A Desk is where servers' questions to the user wait; see package question.
type Desk interface {
	Open() []question.Question
	Answer(id, action string, values map[string][]string) error
}

const tooLate = "The question had been answered, or its time was over: nothing was sent."

var errNoQuestion = &apiError{404, "MPT-QUESTION-UNKNOWN", "This question has been answered, or its time is over.", "GET /api/v1/questions lists those that wait."}

type questionJSON struct {
	ID      string      `json:"id"`
	Server  string      `json:"server"`
	Message string      `json:"message"`
	URL     string      `json:"url,omitempty"`
	Fields  []fieldJSON `json:"fields,omitempty"`
	Asked   time.Time   `json:"asked"`
	Until   time.Time   `json:"until"`
}

type fieldJSON struct {
	Name        string       `json:"name"`
	Kind        string       `json:"kind"`
	Title       string       `json:"title,omitempty"`
	Description string       `json:"description,omitempty"`
	Required    bool         `json:"required"`
	Format      string       `json:"format,omitempty"`
	Options     []optionJSON `json:"options,omitempty"`
	Default     []string     `json:"default,omitempty"`
}

type optionJSON struct {
	Value string `json:"value"`
	Title string `json:"title"`
}

var kindNames = map[question.Kind]string{question.Text: "text", question.Number: "number", question.Integer: "integer",
	question.Bool: "boolean", question.Choice: "choice", question.Choices: "choices"}

func (s *Server) questions() []question.Question {
	if s.opt.Desk == nil {
		return nil
	}
	return s.opt.Desk.Open()
}

func (s *Server) getQuestions(w http.ResponseWriter, _ *http.Request) {
	all := []questionJSON{}
	for _, q := range s.questions() {
		out := questionJSON{ID: q.ID, Server: q.Server, Message: q.Message, URL: q.URL, Asked: q.Asked.UTC(), Until: q.Until.UTC()}
		for _, f := range q.Fields {
			field := fieldJSON{f.Name, kindNames[f.Kind], f.Title, f.Description, f.Required, f.Format, nil, f.Default}
			for _, o := range f.Options {
				field.Options = append(field.Options, optionJSON(o))
			}
			out.Fields = append(out.Fields, field)
		}
		all = append(all, out)
	}
	writeJSON(w, http.StatusOK, struct {
		Questions []questionJSON `json:"questions"`
	}{all})
}

// answerQuestion takes {"action": …, "content": {…}}, as MCP has it.
func (s *Server) answerQuestion(w http.ResponseWriter, r *http.Request) {
	body, e := readBody(r)
	if e != nil {
		refuse(w, r, e)
		return
	}
	const shape = `The body must be {"action": "accept", "content": {…}}; other actions are "decline" and "cancel".`
	all, err := members(body)
	var action string
	var values map[string][]string
	for _, m := range all {
		switch m.name {
		case "action":
			err = errors.Join(err, json.Unmarshal(m.value, &action))
		case "content":
			var ok bool
			if values, ok = question.Values(m.value); !ok {
				err = errors.Join(err, errors.New("not content"))
			}
		default:
			err = errors.Join(err, errors.New("unknown member"))
		}
	}
	if err != nil {
		refuse(w, r, badBody(shape))
		return
	}
	err = s.reply(r.PathValue("id"), action, values)
	if e, ok := errors.AsType[*question.InvalidError](err); ok {
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
			parts = append(parts, fmt.Sprintf("%q: %s", name, e.Fields[name]))
		}
		refuse(w, r, &apiError{422, "MPT-ANSWER", "The answer does not fit what was asked.", strings.Join(parts, " ")})
		return
	}
	switch {
	case errors.Is(err, question.ErrAction):
		refuse(w, r, badBody(shape))
	case err != nil:
		refuse(w, r, errNoQuestion)
	default:
		writeJSON(w, http.StatusOK, acceptedJSON{s.opt.View.Snapshot().Seq()})
	}
}

func (s *Server) reply(id, action string, values map[string][]string) error {
	if s.opt.Desk == nil {
		return question.ErrUnknown
	}
	return s.opt.Desk.Answer(id, action, values)
}

// answerPage takes the form of the status page. What does not fit is shown there
// again, with what was written.
func (s *Server) answerPage(w http.ResponseWriter, r *http.Request) {
	if !readForm(w, r) {
		return
	}
	id := r.PathValue("id")
	open := s.questions()
	i := slices.IndexFunc(open, func(q question.Question) bool { return q.ID == id })
	if i < 0 {
		s.showPage(w, http.StatusNotFound, draft{note: tooLate})
		return
	}
	values := formValues(open[i].Fields, r.PostForm)
	err := s.reply(id, r.PostForm.Get("action"), values)
	if e, ok := errors.AsType[*question.InvalidError](err); ok {
		s.showPage(w, http.StatusUnprocessableEntity, draft{id: id, values: values, wrong: e.Fields})
		return
	}
	if err != nil {
		s.showPage(w, http.StatusNotFound, draft{note: tooLate})
		return
	}
	backToPage(w)
}

// input is the name of a field in the page's form: the server's own might mean
// something to a browser.
func input(i int) string { return fmt.Sprintf("field%d", i) }

// formValues returns what was written, by the names of the fields. A box that is not
// ticked is not sent.
func formValues(fields []question.Field, form url.Values) map[string][]string {
	values := map[string][]string{}
	for i, f := range fields {
		sent := form[input(i)]
		if f.Kind == question.Bool && len(sent) == 0 {
			sent = []string{"false"}
		}
		if len(sent) > 0 {
			values[f.Name] = sent
		}
	}
	return values
}

// A draft is what came of a form: an answer that did not fit, or a sentence about it.
type draft struct {
	id     string
	values map[string][]string
	wrong  map[string]string // by field
	note   string
}

// A pageQuestion is a question as text that is still to be escaped.
type pageQuestion struct {
	ID, Server, Message, Until string
	URL, Host                  string
	Fields                     []pageField
	Wrong                      bool
}

type pageField struct {
	ID, Input          string // unique on the page, and in its form
	Label, Description string
	Kind, Type         string
	Required           bool
	Value              string
	Options            []pageOption
	Wrong              string
}

type pageOption struct {
	Value, Title string
	On           bool
}

const maxMessage = 4000 // runes of a question

// inputTypes are those of a browser for a text's format; it only helps, the desk checks.
var inputTypes = map[string]string{"email": "email", "uri": "url", "date": "date"}

func newPageQuestion(q *question.Question, d draft) pageQuestion {
	out := pageQuestion{ID: q.ID, Server: visible(q.Server), Message: revealed(q.Message, maxMessage), Until: stamp(q.Until), URL: q.URL}
	if u, err := url.Parse(q.URL); err == nil {
		out.Host = visible(u.Host)
	}
	mine := d.id == q.ID
	out.Wrong = mine && len(d.wrong) > 0
	for i, f := range q.Fields {
		values := f.Default
		if mine {
			values = d.values[f.Name]
		}
		field := pageField{ID: q.ID + "-" + input(i), Input: input(i), Label: visible(f.Title), Description: visible(f.Description), Kind: kindNames[f.Kind],
			Type: inputTypes[f.Format], Required: f.Required}
		if field.Label == "" {
			field.Label = visible(f.Name)
		}
		if mine {
			field.Wrong = d.wrong[f.Name]
		}
		if len(values) > 0 {
			field.Value = values[0]
		}
		for _, o := range f.Options {
			field.Options = append(field.Options, pageOption{o.Value, visible(o.Title), slices.Contains(values, o.Value)})
		}
		out.Fields = append(out.Fields, field)
	}
	return out
}
