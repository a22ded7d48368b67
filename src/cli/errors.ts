/** Why a command fails, apart from the errors of the library. */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"

/** No meeting in progress has the number. */
export class NoActiveMeeting extends Data.TaggedError("NoActiveMeeting")<{ readonly number: string }> {
  override get message() {
    return `No meeting with the number ${this.number} is in progress.`
  }
}

export class MeetingEnded extends Data.TaggedError("MeetingEnded")<{ readonly meeting: string }> {
  override get message() {
    return `The meeting ${this.meeting} has ended.`
  }
}

export class NoHost extends Data.TaggedError("NoHost")<{ readonly meeting: string }> {
  override get message() {
    return `The meeting ${this.meeting} has no host, or the app may not see who it is.`
  }
}

/** The text is neither an e-mail address nor an open_id. */
export class InvalidPerson extends Data.TaggedError("InvalidPerson")<{ readonly text: string }> {
  override get message() {
    return `${JSON.stringify(this.text)} is neither an e-mail address nor an open_id.`
  }
}

export class PersonNotFound extends Data.TaggedError("PersonNotFound")<{ readonly email: string }> {
  override get message() {
    return `The app knows nobody with the address ${this.email}.`
  }
}

export class NotLoggedIn extends Data.TaggedError("NotLoggedIn") {
  override get message() {
    return "Nobody is logged in."
  }
}

/** The file with the credentials of the app, or the key that seals sessions. */
export class InvalidFile extends Data.TaggedError("InvalidFile")<{
  readonly path: string
  readonly reason: string
  readonly next: string
}> {
  override get message() {
    return `${this.path} ${this.reason}.`
  }
}

/** The port of the login is in use, or may not be used. */
export class CannotListen extends Data.TaggedError("CannotListen")<{ readonly reason: string }> {
  override get message() {
    return this.reason
  }
}

/** The time of `--timeout` is over. */
export class TimedOut extends Data.TaggedError("TimedOut")<{
  readonly after: Duration.Duration
  /** Whether the change may have been executed. */
  readonly effect: "none" | "unknown"
}> {
  override get message() {
    return `No result within ${Duration.format(this.after)}.`
  }
}

/** Somebody who cannot be made host for a moment. */
export class UnsuitablePerson extends Data.TaggedError("UnsuitablePerson")<{
  readonly person: string
  readonly reason: string
}> {
  override get message() {
    return `${this.person} ${this.reason}.`
  }
}

export class NotConfirmed extends Data.TaggedError("NotConfirmed") {
  override get message() {
    return "Not confirmed. Nothing was asked and nothing was changed."
  }
}
