package search

import "strings"

// alike are words that people use for one thing when they speak of tools. They
// are of the general vocabulary of computing; none is there for a certain server.
var alike = []string{
	"get read fetch retrieve show view display give obtain load",
	"list enumerate listing show all",
	"search find look lookup query discover seek locate",
	"create make new add generate build define produce",
	"add insert append include attach",
	"delete remove erase drop clear destroy discard",
	"update edit modify change alter set patch revise",
	"write save store persist record put",
	"run execute launch start invoke perform",
	"stop kill terminate end cancel abort",
	"send post submit deliver publish",
	"move rename relocate",
	"copy duplicate clone",
	"download fetch pull",
	"upload push",
	"convert transform translate turn export",
	"compare diff difference versus",
	"calculate compute evaluate calculator math arithmetic",
	"folder directory dir subfolder subdirectory",
	"file document doc",
	"text content contents",
	"image picture photo",
	"screenshot capture snapshot",
	"video clip movie film",
	"audio sound voice speech",
	"repository repo project codebase",
	"commit revision",
	"history log",
	"issue ticket bug",
	"message chat",
	"mail email inbox",
	"url link address",
	"web internet online website site webpage page",
	"browser chrome tab",
	"database db sql",
	"table spreadsheet sheet excel",
	"slide presentation powerpoint ppt deck",
	"row record entry",
	"column field",
	"entity node item",
	"relation relationship link edge connection",
	"observation fact note",
	"graph knowledge",
	"memory remember recall memorize",
	"metadata info information detail details attribute property",
	"user person account member",
	"time clock hour timezone",
	"date day calendar",
	"event meeting appointment",
	"weather forecast temperature climate",
	"stock share equity ticker",
	"price cost quote rate",
	"company business corporation firm",
	"news headline article",
	"paper publication study",
	"place location poi",
	"route direction navigation navigate path",
	"near nearby around close surrounding",
	"map mapping",
	"town city",
	"trip travel journey",
	"train railway rail",
	"flight airline plane",
	"hotel accommodation lodging stay",
	"allow permit permitted allowed accessible",
	"switch checkout",
	"stage staged unstaged unstage index",
	"reset undo revert restore",
	"branch fork",
	"think reason reasoning thought",
	"step stage",
	"nested recursive tree hierarchy",
	"click press tap",
	"type fill enter input",
	"chart plot graph diagram visualize visualization",
	"summary summarize abstract overview",
	"translate translation language",
	"random dice",
	"size length",
	"current now latest recent today",
	"cook recipe dish meal",
	"drug medicine medication",
	"movie film",
	"song music track",
	"book reading",
}

// synonyms are the stems that stand for the same as a stem.
var synonyms = func() map[string][]string {
	all := map[string][]string{}
	for _, group := range alike {
		var stems []string
		for w := range strings.FieldsSeq(group) {
			stems = append(stems, string(stem([]byte(w))))
		}
		for _, a := range stems {
			for _, b := range stems {
				if a != b {
					all[a] = append(all[a], b)
				}
			}
		}
	}
	return all
}()

// common are words that say nothing about a tool. They are in no index, and in a
// query only the others count.
var common = func() map[string]bool {
	all := map[string]bool{}
	for w := range strings.FieldsSeq(`a about again all also am an and any are as at be been being both but by can could
		did do does doing each else ever every everything exactly few for from had has have having he her here hers him his how i if in into
		is it its itself just let may me might more most must my myself need needs no nor not of off on once one only or other our out
		over own per please same shall she should so some such than that the their them then there these they thing this those through to too
		under until up upon us use used uses using very want wants was we were what whatever when where whether which while who
		whole whose why will with within would yet you your ve ll re don t s m d actually particular e g etc`) {
		all[w] = true
	}
	return all
}()
