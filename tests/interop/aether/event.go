package main

import (
	"fmt"
	"strings"
	"time"
)

// Event is one event of an actor, as Aether stores it.
type Event struct {
	ID        string                 `json:"id"`
	EventType string                 `json:"eventType"`
	ActorID   string                 `json:"actorId"`
	CommandID string                 `json:"commandId,omitempty"`
	Version   int64                  `json:"version"`
	Data      map[string]interface{} `json:"data"`
	Metadata  map[string]string      `json:"metadata,omitempty"`
	Timestamp time.Time              `json:"timestamp"`
}

// ActorSnapshot is an actor's state up to and including Version.
type ActorSnapshot struct {
	ActorID   string                 `json:"actorId"`
	Version   int64                  `json:"version"`
	State     map[string]interface{} `json:"state"`
	Timestamp time.Time              `json:"timestamp"`
}

// ReplayError is one stored message that json.Unmarshal refuses.
type ReplayError struct {
	SequenceNumber uint64
	RawData        []byte
	Err            error
}

// ReplayResult is what a replay applies and what it skips, both in stream order.
type ReplayResult struct {
	Events []*Event
	Errors []ReplayError
}

// VersionConflictError says that an event's version is not greater than the actor's latest.
type VersionConflictError struct {
	ActorID          string
	AttemptedVersion int64
	CurrentVersion   int64
}

func (e *VersionConflictError) Error() string {
	return fmt.Sprintf("version conflict for actor %q: attempted %d, current %d",
		e.ActorID, e.AttemptedVersion, e.CurrentVersion)
}

// extractActorType returns the part before the first "-" that does not begin the id.
func extractActorType(actorID string) string {
	for i, r := range actorID {
		if r == '-' && i > 0 {
			return actorID[:i]
		}
	}
	return "unknown"
}

var sanitizer = strings.NewReplacer(" ", "_", ".", "_", "*", "_", ">", "_")

// sanitizeSubject makes one subject token of s.
func sanitizeSubject(s string) string {
	return sanitizer.Replace(s)
}
