package stage

import (
	"rostrum/internal/media"
	"rostrum/internal/sfu"
)

// A MediaSample is what one live stage carries, without hidden participants.
type MediaSample struct {
	StageARN   string
	StageID    string
	SessionID  string
	Publishers []PublisherSample // with replicas
	Receivers  []ReceiverSample
}

// A PublisherSample is what one participant publishes.
type PublisherSample struct {
	ParticipantID string
	sfu.PublisherStats
}

// A ReceiverSample is what one participant receives of another.
type ReceiverSample struct {
	ParticipantID string
	PublisherID   string
	LacksCodec    bool // the offer has no codec of the publisher's video
	sfu.SubscriberStats
}

func (s *Session) mediaSample() MediaSample {
	publishers := map[string]*sfu.Publisher{}
	receivers := map[*sfu.Subscriber]ReceiverSample{}
	err := s.call(func() error {
		for _, p := range s.participants {
			if !p.stored() {
				continue
			}
			if publisher := p.publisher(); publisher != nil && p.publishing {
				publishers[p.id] = publisher
			}
			for _, c := range p.subscriptions {
				if c.subscriber != nil && c.started {
					receivers[c.subscriber] = ReceiverSample{ParticipantID: p.id, PublisherID: c.remote, LacksCodec: c.subscriber.LacksCodec(media.Video)}
				}
			}
		}
		return nil
	})
	sample := MediaSample{StageARN: s.stageARN, StageID: s.stageID, SessionID: s.id}
	if err != nil { // it ended
		return sample
	}
	for id, publisher := range publishers {
		sample.Publishers = append(sample.Publishers, PublisherSample{id, publisher.Stats()})
	}
	for receiver, r := range receivers {
		r.SubscriberStats = receiver.Stats()
		sample.Receivers = append(sample.Receivers, r)
	}
	return sample
}
