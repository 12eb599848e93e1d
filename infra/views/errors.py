"""What can go wrong with a store of read models."""

from __future__ import annotations

from domain.errors import InfrastructureError


class ViewsUnavailable(InfrastructureError):
    """The store of the read models could not be used."""

    code = "VIEWS_UNAVAILABLE"
    en = "the read models in {path} cannot be used: {problem}"
    vi = "không dùng được các bảng tra cứu trong {path}: {problem}"
    hint_en = "if the file is damaged, delete it: the read models are made again from the log"
    hint_vi = "nếu tệp bị hỏng, hãy xóa: các bảng tra cứu được lập lại từ nhật ký"


class ViewsDatabaseUnavailable(ViewsUnavailable):
    """The database of the read models could not be used."""

    code = "VIEWS_UNAVAILABLE"
    hint_en = "check that the server runs and that DOSSIER_VIEWS names it; the log is untouched"
    hint_vi = "kiểm tra máy chủ có hoạt động và DOSSIER_VIEWS có đúng không; nhật ký không bị ảnh hưởng"
