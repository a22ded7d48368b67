import * as Reply from "../Reply.ts"

/** `GET /bot/v3/info`. The bot is not under `data`. */
export const botInfo = (): Reply.Reply =>
  Reply.json(200, {
    code: 0,
    msg: "ok",
    bot: {
      activate_status: 2,
      app_name: "Simulated app",
      avatar_url: "https://s1-imfile.feishucdn.com/simulated",
      ip_white_list: [],
      open_id: "ou_simulated_bot"
    }
  })
