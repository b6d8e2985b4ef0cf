-- Claims go with their holder, who may be a person.
CREATE INDEX claim_holder ON kit.claim (holder);
