/**
 * Answers are taken from the network as they come, and wait in memory for whoever reads them. undici 7 can't be slowed down:
 * where its parser is paused and the other side closes the connection, an assertion fails in an event handler, which nobody
 * can catch and which ends the process (nodejs/undici#5360; mended in version 8 alone, which needs a newer Node).
 */
import type { Dispatcher } from './undici.ts';

/** An answer that was not taken to its end. */
export class AnswerTooLargeError extends Error {
  override readonly name = 'AnswerTooLargeError';

  constructor(maxBytes: number) {
    super(`answers with more than ${maxBytes} bytes, which is the most there may be`);
  }
}

type Controller = Dispatcher.DispatchController;

/** The controller without its brake. */
const withoutPause = (controller: Controller): Controller => ({
  get aborted() {
    return controller.aborted;
  },
  get paused() {
    return false;
  },
  get reason() {
    return controller.reason;
  },
  abort: (reason) => controller.abort(reason),
  pause() {},
  resume() {},
});

/** Lets no answer be paused, and ends one of which more than so many bytes came over the wire. */
export const unpausedResponses =
  (maxBytes: number): Dispatcher.DispatcherComposeInterceptor =>
  (dispatch) =>
  (options, handler) => {
    let bytes = 0;
    return dispatch(options, {
      onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
      onRequestUpgrade: (...upgrade) => handler.onRequestUpgrade?.(...upgrade),
      onResponseStart: (controller, ...head) => handler.onResponseStart?.(withoutPause(controller), ...head),
      onResponseData(controller, piece) {
        bytes += piece.length;
        if (bytes > maxBytes) controller.abort(new AnswerTooLargeError(maxBytes));
        else handler.onResponseData?.(withoutPause(controller), piece);
      },
      onResponseEnd: (...end) => handler.onResponseEnd?.(...end),
      onResponseError: (...error) => handler.onResponseError?.(...error),
    });
  };
