"""What catches real bugs at each vendor, row by row: that the stand-in does it, and that the product copes."""

from __future__ import annotations

from tests.providers.contract_rows import (
    ALL,
    AZURE,
    BEHAVIOURS,
    CLIENT,
    CONSENT,
    FAILURES,
    INSTALL,
    JIRA,
    KEY,
    NO,
    NOW,
    OAUTH,
    OUTCOME_CLASSES,
    PAT,
    PROVING_CALLS,
    TICKETS,
    TOKEN,
    Row,
    always,
    later,
)

STANDIN, DESK = "standins/test_jira_standin::", "standins/test_jira_oauth::"
RENEWAL = "services/test_oauth_tokens::"
J, S, A = ("jira",), ("servicenow",), ("azure_devops",)
JIRA_ROWS = (
    Row(BEHAVIOURS, J, "refused credentials are an anonymous 200 with X-Seraph-LoginReason", {
        TOKEN: (STANDIN + "test_bad_credentials_are_401_text_at_myself_and_anonymous_elsewhere",
                JIRA + "test_no_route_takes_us_for_an_anonymous_visitor_unnoticed", "case: anonymous 200"),
        CONSENT: (NO + "the gateway refuses a bad bearer token with 401 on every route",),
    }, sign_in=True),
    Row(BEHAVIOURS, J, "myself refuses with 401 as text", {
        TOKEN: (STANDIN + "test_bad_credentials_are_401_text_at_myself_and_anonymous_elsewhere", "case: wrong token"),
        CONSENT: (DESK + "test_the_gateway_refuses_in_its_own_words", "case: token refused at the site"),
    }, sign_in=True),
    Row(BEHAVIOURS, J, "the gateway's 401 'scope does not match'", {
        TOKEN: (NO + "an API token of the site has no scopes",),
        CONSENT: (DESK + "test_the_gateway_refuses_in_its_own_words", "case: scope does not match",
                  "case: scope does not match at the site", "case: scope lost",
                  RENEWAL + "test_a_missing_scope_is_not_taken_for_an_old_token_for_long"),
    }, sign_in=True),
    Row(BEHAVIOURS, J, "refresh tokens rotate, ten minutes of leeway, then 403 invalid_grant", {
        TOKEN: (NO + "an API token is not renewed",),
        CONSENT: (DESK + "test_refresh_tokens_rotate_with_ten_minutes_of_leeway",
                  "case: refresh token used twice after the leeway", "case: refresh token idle for 90 days",
                  "case: consent withdrawn",
                  RENEWAL + "test_a_token_is_renewed_before_it_ends_and_stored_before_it_is_used",
                  "services/test_oauth_processes::test_a_death_between_answer_and_commit_loses_no_connection"),
    }, sign_in=True),
    Row(BEHAVIOURS, J, "a wrong secret is 401 access_denied, the word of a person's no", {
        TOKEN: (NO + "there is no client secret",),
        CONSENT: (DESK + "test_a_wrong_client_is_401_access_denied", "case: wrong client secret", "case: declined",
                  FAILURES + "test_a_wrong_secret_says_so_and_not_that_consent_was_declined"),
    }, sign_in=True),
    Row(BEHAVIOURS, J, "the consent covers no, one or two sites", {
        TOKEN: (NO + "the site is typed",),
        CONSENT: (DESK + "test_the_sites_of_the_consent_are_listed", "case: no site", "case: another site",
                  INSTALL + "test_one_site_is_connected_at_once", INSTALL + "test_of_several_sites_the_person_chooses"),
    }, sign_in=True),
    Row(BEHAVIOURS, J, "create screens come in pages of 50, with a required select and a text area", always(
        STANDIN + "test_create_screens_are_paged_by_fifty", JIRA + "test_long_lists_are_read_to_their_end",
        JIRA + "test_a_field_of_every_kind_is_drawn_and_its_value_taken",
    )),
    Row(BEHAVIOURS, J, "a create answers 201, or stores the issue and drops the line", always(
        "standins/test_jira_faults::test_a_create_may_be_stored_while_the_connection_is_reset",
        TICKETS + "test_a_created_ticket_carries_marker_assignee_and_the_way_back",
        TICKETS + "test_a_create_without_a_clear_answer_is_sent_once",
        "services/test_every_ticket_provider::test_work_done_without_an_answer_is_found_and_not_repeated",
    )),
    Row(BEHAVIOURS, J, "the search index lags and flickers", always(
        "standins/test_jira_searching::test_the_index_lags_and_reconciling_sees_through_it",
        "standins/test_jira_searching::test_the_index_flickers",
        TICKETS + "test_a_lagging_and_flickering_index_is_believed_only_when_it_shows_something",
    )),
    Row(BEHAVIOURS, J, "the old search is 410", always(
        "standins/test_jira_searching::test_the_old_search_is_gone_and_unknown_calls_are_loud",
        TICKETS + "test_every_error_is_one_of_ours_whatever_the_body",
    )),
    Row(BEHAVIOURS, J, "people hide their e-mail address", always(
        STANDIN + "test_emails_can_be_hidden_and_the_user_search_denied",
        JIRA + "test_what_a_person_shows_of_themselves_is_told",
        "blueprints/test_add_jira_person::test_a_hidden_jira_address_needs_a_look_at_the_name",
    )),
    Row(BEHAVIOURS, J, "a search for people without permission finds nobody", always(
        STANDIN + "test_emails_can_be_hidden_and_the_user_search_denied",
        JIRA + "test_nobody_found_for_lack_of_permission_is_not_nobody",
    )),
    Row(BEHAVIOURS, J, "a moved issue has a new key", always(
        "standins/test_jira_creating::test_issues_move_hide_vanish_and_change_status",
        TICKETS + "test_a_moved_ticket_is_known_by_its_old_key_and_its_id",
    )),
    Row(BEHAVIOURS, J, "429 with every header, and without Retry-After", always(
        "standins/test_jira_faults::test_rate_limits_come_with_and_without_a_time_to_wait",
        "case: 429 with Retry-After", "case: 429 without Retry-After",
    )),
    Row(BEHAVIOURS, J, "a transition is 204", always(
        "standins/test_jira_creating::test_issues_move_hide_vanish_and_change_status",
        TICKETS + "test_status_is_read_by_its_category",
    )),
    Row(BEHAVIOURS, J, "removing a webhook is 202", always(
        "standins/test_jira_webhooks::test_webhooks_are_listed_renewed_and_removed",
        "providers/test_jira_webhooks::test_a_webhook_is_taken_back_and_one_that_is_gone_is_no_error",
    ), capability="ReceivesWebhooks"),
    Row(BEHAVIOURS, J, "error texts come in the account's language", always(
        "standins/test_jira_faults::test_other_products_redirects_and_languages",
        TICKETS + "test_texts_are_english_whatever_the_account_speaks",
        TICKETS + "test_errors_are_understood_in_another_language_too",
    )),
)  # fmt: skip

TABLES, ACCOUNTS = "standins/test_servicenow_tables::", "standins/test_servicenow_accounts::"
RECORDS, TOKENS = "providers/test_servicenow_tickets::", "providers/test_servicenow_tokens::"
LOCKED = "a locked user concerns passwords only"
NO_TOKEN = "an API key is no token that is handed out"
SERVICENOW_ROWS = (
    Row(BEHAVIOURS, S, "every value is a text, a reference has link and value, nothing is an empty text", always(
        TABLES + "test_a_created_record_comes_back_in_texts_and_references",
        TABLES + "test_references_and_choices_are_shown_in_four_forms",
        RECORDS + "test_values_travel_as_texts_in_servicenows_form",
    )),
    Row(BEHAVIOURS, S, "a create answers with Location", always(
        TABLES + "test_a_created_record_comes_back_in_texts_and_references",
        RECORDS + "test_an_incident_is_made_as_asked",
    )),
    Row(BEHAVIOURS, S, "a data policy refuses with 403", always(
        TABLES + "test_refusals_have_servicenows_shape",
        RECORDS + "test_a_data_policy_names_the_fields_as_the_dialog_does",
        RECORDS + "test_a_data_policy_is_told_even_when_the_dictionary_is_closed",
    )),
    Row(BEHAVIOURS, S, "fields hidden by access rules are missing", always(
        TABLES + "test_hidden_fields_are_missing_and_cannot_be_written",
        RECORDS + "test_hidden_names_of_the_record_are_found_elsewhere",
        RECORDS + "test_an_ignored_or_hidden_assignee_is_told",
    )),
    Row(BEHAVIOURS, S, "a query term with an unknown field is dropped", {
        ALL: (TABLES + "test_a_term_with_an_unknown_field_finds_everything",
              NOW + "test_a_dropped_search_term_never_makes_us_somebody_else",
              "providers/test_servicenow_people::test_a_dropped_search_term_finds_nobody_else",
              "providers/test_servicenow_exactly_once::test_an_answer_that_proves_nothing_is_not_taken_for_absence"),
    }),
    Row(BEHAVIOURS, S, "unknown fields of a body are ignored", always(
        TABLES + "test_what_cannot_be_used_is_dropped_without_a_word", RECORDS + "test_values_left_out_are_told",
        RECORDS + "test_a_lost_marker_is_told",
    )),
    Row(BEHAVIOURS, S, "an error body under status 200", always(
        TABLES + "test_errors_can_come_under_status_200", "case: error under 200",
        NOW + "test_an_error_under_status_200_is_no_success",
    ), sign_in=True),
    Row(BEHAVIOURS, S, "a sleeping instance answers 200 with a page", always(
        ACCOUNTS + "test_a_sleeping_instance_answers_a_page_everywhere", "case: asleep",
        NOW + "test_a_sleeping_instance_is_recognised",
    ), sign_in=True),
    Row(BEHAVIOURS, S, "OAuth refuses four causes with one and the same 401", {
        KEY: (NO + NO_TOKEN,),
        OAUTH: (ACCOUNTS + "test_each_wrong_value_gets_the_same_401", "case: wrong client ID", "case: wrong user",
                "case: wrong client secret", "case: wrong password",
                NOW + "test_the_four_oauth_causes_cannot_be_told_apart_and_the_sentence_says_so"),
        CLIENT: ("case: wrong client ID", "case: wrong client secret", "case: grant switched off"),
    }, sign_in=True),
    Row(BEHAVIOURS, S, "asking again gives the same token with its remaining 1799 seconds", {
        KEY: (NO + NO_TOKEN,),
        OAUTH: (ACCOUNTS + "test_a_token_lets_in_and_asking_again_gives_the_same_one",
                TOKENS + "test_a_token_with_little_life_left_is_used_nonetheless"),
        CLIENT: (ACCOUNTS + "test_client_credentials_name_the_users_client",
                 TOKENS + "test_a_token_with_little_life_left_is_used_nonetheless"),
    }, sign_in=True),
    Row(BEHAVIOURS, S, "an empty list of v1 is 404", always(
        TABLES + "test_an_empty_list_is_404_in_v1_only",
        "providers/test_servicenow_exactly_once::test_a_marker_nobody_carries_is_found_nowhere",
    )),
    Row(BEHAVIOURS, S, "429 names its rule", always(
        TABLES + "test_a_limit_has_every_header", "case: limit that names its rule",
        RECORDS + "test_a_limit_means_not_taken",
    ), sign_in=True),
    Row(BEHAVIOURS, S, "five bad passwords lock the account", {
        KEY: (NO + LOCKED,),
        OAUTH: (ACCOUNTS + "test_five_bad_passwords_lock_the_user_for_a_while",
                NOW + "test_five_wrong_passwords_lock_even_the_right_one",
                NOW + "test_wrong_credentials_are_refused_once_and_not_repeated"),
        CLIENT: (NO + LOCKED,),
    }, sign_in=True),
    Row(BEHAVIOURS, S, "two users share an e-mail address", always(
        TABLES + "test_two_people_share_an_address",
        "providers/test_servicenow_people::test_two_people_with_one_address_are_both_shown",
    )),
    Row(BEHAVIOURS, S, "a short page is not the last: X-Total-Count says more", always(
        TABLES + "test_the_limit_counts_before_access_rules",
        "providers/test_servicenow_destinations::test_at_most_200_groups_are_offered_and_short_pages_are_no_end",
    )),
)  # fmt: skip

SITE = "standins/test_azure_devops_standin::"
REFUSALS, ITEMS = "providers/test_azure_devops_refusals::", "providers/test_azure_devops_tickets::"
FACE = (SITE + "test_a_bad_token_has_the_face_the_vendor_gives_it",
        AZURE + "test_a_bad_token_is_told_by_its_face_whatever_it_was_used_for")  # fmt: skip
AZURE_ROWS = (
    Row(BEHAVIOURS, A, "a bad token is 203 with a page", {PAT: (*FACE, "case: 203 with a page")}, sign_in=True),
    Row(BEHAVIOURS, A, "a bad token is 302 to the sign-in page", {
        PAT: (*FACE, "case: 302 to the sign-in page"),
    }, sign_in=True),
    Row(BEHAVIOURS, A, "an expired token is 401 with a text", {PAT: (*FACE, "case: expired token")}, sign_in=True),
    Row(BEHAVIOURS, A, "a missing scope is 401", {
        PAT: (SITE + "test_a_missing_scope_and_a_missing_version_are_refused", "case: scope missing",
              AZURE + "test_a_missing_scope_is_not_a_bad_token"),
    }, sign_in=True),
    Row(BEHAVIOURS, A, "a project out of sight is 404 TF200016", always(
        SITE + "test_rules_and_identities_are_judged",
        "providers/test_azure_devops_destinations::test_a_project_out_of_sight_is_said_at_the_project",
    )),
    Row(BEHAVIOURS, A, "415 for anything but JSON Patch", always(
        SITE + "test_work_items_take_json_patch_only",
        ITEMS + "test_a_created_ticket_carries_marker_assignee_and_the_way_back",
    )),
    Row(BEHAVIOURS, A, "broken rules are 400 with the fields in customProperties", always(
        SITE + "test_rules_and_identities_are_judged", REFUSALS + "test_broken_rules_name_the_fields",
    )),
    Row(BEHAVIOURS, A, "an unknown identity is 600171", always(
        SITE + "test_rules_and_identities_are_judged",
        REFUSALS + "test_an_unknown_identity_is_said_at_the_person",
    )),
    Row(BEHAVIOURS, A, "validateOnly saves nothing", always(
        SITE + "test_validating_saves_nothing", ITEMS + "test_a_dry_run_tells_the_vendors_reasons_and_saves_nothing",
    )),
    Row(BEHAVIOURS, A, "a create answers 200", always(
        SITE + "test_creating_answers_200_as_the_vendor_describes_it",
        ITEMS + "test_creating_is_exactly_one_call_whatever_was_read_before",
    )),
    Row(BEHAVIOURS, A, "lists hold null where an error is left out", always(
        SITE + "test_lists_hold_null_for_what_may_not_be_told",
        "providers/test_azure_devops_once::test_a_hit_that_has_gone_meanwhile_is_left_out",
    )),
    Row(BEHAVIOURS, A, "a delayed 200 carries Retry-After", always(
        SITE + "test_delays_and_limits_carry_their_headers",
        ITEMS + "test_a_delayed_200_with_retry_after_is_a_success",
        ITEMS + "test_a_delay_beyond_the_deadline_leaves_the_outcome_open",
    )),
    Row(BEHAVIOURS, A, "429 says TF400733", always(
        SITE + "test_delays_and_limits_carry_their_headers", REFUSALS + "test_a_limit_is_told_with_its_end",
        "case: 429 with Retry-After",
    )),
    Row(BEHAVIOURS, A, "a header leads to the next page", always(
        SITE + "test_a_continuation_token_leads_to_the_next_page",
        "providers/test_azure_devops_destinations::test_long_lists_of_projects_are_read_to_their_end",
    )),
    Row(BEHAVIOURS, A, "a service hook's update has another number than its work item", always(
        "providers/test_azure_devops_webhooks::test_the_number_of_the_update_is_not_the_number_of_the_work_item",
    ), capability="ReceivesWebhooks"),
)  # fmt: skip

LATER = (
    *later(
        BEHAVIOURS, ("entra",),
        "each error code", "issuer with an id though a domain was typed",
        "issuer template of the shared endpoint", "tokens of both versions for applications",
        "a token without roles", "a token of another tenant", "keys change: an unknown key id",
        "too many groups", "a search without its header", "403 Authorization_RequestDenied",
        "lists with a next link", "a wrong nonce", "an error page without redirect",
    ),
    *later(
        BEHAVIOURS, ("auth0", "oidc"),
        "an issuer with a slash at its end", "401 access_denied against 403 invalid_grant", "a public client",
        "a token signed with HS256", "an unverified e-mail address", "iss is missing though announced",
        "the sign-out address is refused", "a slow or huge discovery document",
        "discovery names another issuer",
    ),
    *later(
        BEHAVIOURS, ("smtp",),
        "ports in three modes", "no AUTH before TLS", "535 in several lines", "534", "535 5.7.139", "454",
        "421 as greeting", "554 for relaying", "450 for greylisting", "a self-signed certificate", "silence",
        "dropped after DATA", "only XOAUTH2",
    ),
)  # fmt: skip
ROWS = (*PROVING_CALLS, *OUTCOME_CLASSES, *JIRA_ROWS, *SERVICENOW_ROWS, *AZURE_ROWS, *LATER)
